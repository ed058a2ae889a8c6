import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const script = join(import.meta.dirname, '../../scripts/agreement.mjs')
const versions = ['6.1', '6.12', '7', '7-noiommu']

/** As vitest's JSON reporter writes it, of the test 'fits' in fits.test.ts; 'broken' where that cannot be loaded. */
function report(status: string): string {
  const file = { name: '/anywhere/test/contract/fits.test.ts', status: status === 'broken' ? 'failed' : status }
  const assertionResults = status === 'broken' ? [] : [{ fullName: 'fits', status }]
  return JSON.stringify({ testResults: [{ ...file, assertionResults }] })
}

/** Runs the command on reports that say 'passed' but for those that are told; null for one that is missing. */
function agreement(told: Readonly<Record<string, string | null>>, ...options: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-agreement-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const kernels = versions.flatMap((version) => [`mock-${version}`, `linux-${version}`])
  for (const kernel of new Set([...kernels, ...Object.keys(told)])) {
    const status = told[kernel] === undefined ? 'passed' : told[kernel]
    if (status !== null) writeFileSync(join(folder, `contract-${kernel}.json`), report(status))
  }
  const { status, stdout } = spawnSync(process.execPath, [script, '--reports', folder, ...options], {
    encoding: 'utf8',
  })
  return { status, lines: stdout.trimEnd().split('\n') }
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
