import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const script = join(import.meta.dirname, '../../scripts/agreement.mjs')
const versions = ['6.1', '6.12', '7', '7-noiommu']

/** As vitest's JSON reporter writes it, of the test 'fits' in fits.test.ts; 'broken' where that cannot be loaded. */
function report(status: string, fullName = 'fits'): string {
  const file = { name: '/anywhere/test/contract/fits.test.ts', status: status === 'broken' ? 'failed' : status }
  const assertionResults = status === 'broken' ? [] : [{ fullName, status }]
  return JSON.stringify({ testResults: [{ ...file, assertionResults }] })
}

/** Runs the command on reports that say 'passed' but for those that are told; null for one that is missing. */
function agreement(told: Readonly<Record<string, string | null>>, ...options: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-agreement-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const kernels = versions.flatMap((version) => [`mock-${version}`, `linux-${version}`])
  for (const kernel of new Set([...kernels, ...Object.keys(told)])) {
    const status = told[kernel] === undefined ? 'passed' : told[kernel]
    if (status === null) continue
    writeFileSync(join(folder, `contract-${kernel}.json`), status.startsWith('{') ? status : report(status))
  }
  const { status, stdout } = spawnSync(process.execPath, [script, '--reports', folder, ...options], {
    encoding: 'utf8',
  })
  const all = stdout.trimEnd().split('\n')
  const heading = all.findIndex((line) => /^ +kernel +IOMMU/.test(line))
  return { status, lines: all.slice(0, heading - 1), machines: all.slice(heading) }
}

const agreed = '1 agree, 0 differ, 0 mock only, 0 real only, 0 neither'

test('where the mock and the real kernel say the same, there is nothing to show', () => {
  const { status, lines } = agreement({ 'mock-7': 'failed', 'linux-7': 'failed' })
  expect([status, lines]).toEqual([0, versions.map((version) => `Linux ${version}: ${agreed}`)])
})

test('with --all, every test is shown by kernel', () => {
  const { lines } = agreement({ 'linux-7-noiommu': 'skipped', 'mock-7-noiommu': 'skipped' }, '--all')
  expect(lines.slice(4)).toEqual([
    '',
    '6.1        6.12       7          7-noiommu  test',
    'agree      agree      agree      neither    fits: fits',
  ])
})

test('what differs is shown, and ends the command with 1', () => {
  const { status, lines } = agreement({ 'linux-6.12': 'failed', 'linux-7': 'skipped' })
  expect(status).toBe(1)
  expect(lines[1]).toBe('Linux 6.12: 0 agree, 1 differ, 0 mock only, 0 real only, 0 neither')
  expect(lines.at(-1)).toBe('agree      differ     mock only  agree      fits: fits')
})

test('a test differs whose file cannot be loaded on one of them, and is one with one that fails there', () => {
  const { status, lines } = agreement({ 'linux-6.1': 'broken', 'mock-7': 'broken', 'linux-7': 'failed' })
  expect(status).toBe(1)
  expect(lines.at(-1)).toBe('differ     agree      agree      agree      fits: fits')
})

test('what was not run is no agreement', () => {
  const { status, lines } = agreement({ 'linux-7': null })
  expect([status, lines[2]]).toEqual([1, 'Linux 7: no report of the real kernel; npm test makes both'])
})

test('a test is compared with the first of a machine’s mocks that ran it', () => {
  const told = { 'linux-arm64-7': 'passed', 'mock-7-64k': 'skipped' }
  expect(agreement(told).lines[4]).toBe(`Linux arm64-7: ${agreed}`)
  expect(agreement({ ...told, 'mock-7-64k': 'failed' }).lines[4]).toContain('1 differ')
})

test('each machine is shown with the tests that ran in each of VFIO’s modes, or why none did', () => {
  const { machines } = agreement({
    'linux-6.1': report('passed', 'in mode type1v2: fits'),
    'linux-6.12': report('failed', 'in mode type1v2: fits'),
    'linux-7': report('skipped', 'in mode type1v2: fits'),
  })
  const cells = machines.map((line) => line.split(/ {2,}/))
  expect(cells.slice(1, 4)).toEqual([
    ['x64', 'Debian 6.1', 'Intel', '4 KiB', 'not asked', '1/1', 'not asked', 'not asked', 'not asked', 'not asked'],
    ['x64', 'Debian 6.12', 'Intel', '4 KiB', 'not asked', '0/1', 'not asked', 'not asked', 'not asked', 'not asked'],
    ['x64', 'own 7', 'Intel', '4 KiB', 'not asked', 'lacks', 'not asked', 'not asked', 'not asked', 'not asked'],
  ])
  expect(cells[5]).toEqual(['x64', 'own 7', 'AMD', '4 KiB', 'not run: npm run test:vm -- --iommu amd'])
})

test('a kernel of another processor that was run has a column, beside the mock with its pages', () => {
  const { status, lines } = agreement({ 'mock-6.12-16k': 'passed', 'linux-arm64-6.12-16k': 'failed' })
  expect([status, lines[4]]).toEqual([
    1,
    'Linux arm64-6.12-16k: 0 agree, 1 differ, 0 mock only, 0 real only, 0 neither',
  ])
  expect(lines.slice(6)).toEqual([
    '6.1        6.12       7          7-noiommu  arm64-6.12-16k  test',
    'agree      agree      agree      agree      differ          fits: fits',
  ])
})
