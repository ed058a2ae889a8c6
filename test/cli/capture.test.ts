import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { mockHost, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-capture-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'host.json')
}

/** The demo host with a running device and one with vfio-pci, in a file with both opened. */
function captured(...options: string[]) {
  const run = mockHost()
  run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
  run('bind', '00:1f.6')
  const file = newFile()
  const capture = run('capture', file, '00:1f.6', uuid, ...options)
  return { run, file, capture, replay: (...args: string[]) => vfioctl([...args, `--mock=${file}`], { env: run.env }) }
}

/** Command lines for people are for the host itself if it was recorded, and for the simulated one if it was not. */
function withoutMock(text: string): string {
  return text.replaceAll(' --mock', '')
}

test('a captured host shows what the host does, byte for byte', () => {
  const { run, file, capture, replay } = captured()
  expect(capture).toMatchObject({ status: 0, stdout: '' })
  expect(capture.stderr).toMatch(/^recorded \d+ files and 2 opened devices in /)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const readings = [
    ['types'],
    ['list'],
    ['groups'],
    ['groups', '--tree'],
    ['sriov'],
    ['doctor'],
    ['doctor', '--all'],
    ['list', '--kept'],
    ['inspect', '00:1f.6'],
    ['inspect', uuid.slice(0, 8), '--json'],
    ['read', '00:1f.6', 'config', 'vendor_id'],
    ['dump', '00:1f.6', 'config'],
    ['qemu', uuid],
    ['libvirt', '00:1f.6', '--json'],
  ]
  for (const reading of readings) {
    const { status, stdout, stderr } = run(...reading)
    expect({ reading, ...replay(...reading) }).toEqual({
      reading,
      status,
      stdout: withoutMock(stdout),
      stderr: withoutMock(stderr),
    })
  }
  // thirty processes
}, 120_000)

test('what would change a captured host is refused in words, and keeps no state', () => {
  const { run, replay } = captured()
  const states = () => readdirSync(join(run.env['XDG_STATE_HOME'] ?? '', 'vfioctl/mock'))
  const before = states()
  const changes = [
    ['stop', uuid],
    ['bind', '00:1f.3', '--dry-run'],
    ['write', '00:1f.6', 'config', 'command', '0'],
    ['mock', 'reset'],
  ]
  for (const change of changes) {
    const refusal = { change, status: 6, stderr: expect.stringMatching(/record/) }
    expect({ change, ...replay(...change) }).toMatchObject(refusal)
  }
  expect(states()).toEqual(before)
})

test('on stdout, it is the file alone; a file that was there becomes the owner’s alone', () => {
  const run = mockHost()
  const { status, stdout } = run('capture', '-')
  expect(status).toBe(0)
  const file = newFile()
  writeFileSync(file, 'something', { mode: 0o644 })
  expect(run('capture', file).status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(stdout)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a redacted file has none of the addresses and UUIDs, and the devices are as connected as before', () => {
  const { run, file, replay } = captured('--redact')
  const text = readFileSync(file, 'utf8')
  expect(text).not.toContain('3b:00.0')
  expect(text).not.toContain(uuid)
  const shape = (output: string) => output.replace(/[0-9a-f]{4}:[0-9a-f]{2}(?=[:\n])|[0-9a-f]{8}-[-0-9a-f]{27}/g, 'X')
  for (const reading of [['groups'], ['groups', '--tree'], ['list'], ['types'], ['doctor', '--all']]) {
    expect(shape(replay(...reading).stdout)).toBe(shape(withoutMock(run(...reading).stdout)))
  }
  expect(replay('inspect', '00:1f.6').status).toBe(0)
})
