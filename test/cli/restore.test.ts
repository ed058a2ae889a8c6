import { expect, test } from 'vitest'
import { mockHost } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const other = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
// its driver may come late; of a card that is not on the PCI bus that is known at once
const missing = 'late-card'

function hostWithTty() {
  const run = mockHost()
  expect(run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2', '--auto').status).toBe(0)
  return run
}

function states(run: ReturnType<typeof mockHost>): unknown {
  return JSON.parse(run('list', '--json').stdout).devices.map(({ uuid, active }: Record<string, unknown>) => {
    return { uuid, active }
  })
}

test('restore starts what is defined to start by itself, and says what it did', () => {
  const run = hostWithTty()
  expect(run('restore', '--dry-run')).toEqual({
    status: 0,
    stdout: `# ${uuid}: mtty\nwrite '${uuid}' > /sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create\n`,
    stderr: '',
  })
  expect(states(run)).toEqual([{ uuid, active: false }])
  expect(run('restore')).toEqual({ status: 0, stdout: '', stderr: `started: ${uuid} on mtty (mtty-2)\n` })
  expect(states(run)).toEqual([{ uuid, active: true }])
  expect(run('restore')).toEqual({ status: 0, stdout: '', stderr: `already there: ${uuid} on mtty (mtty-2)\n` })
})

test('restore of a host on which nothing is to start says so', () => {
  const run = mockHost()
  const stderr = 'nothing to do: nothing is kept for the boots of this host\n'
  expect(run('restore')).toEqual({ status: 0, stdout: '', stderr })
})

test('restore exits with 1 where a parent does not appear, and starts the others', () => {
  const run = hostWithTty()
  expect(run('define', '-u', other, '-p', missing, '-t', 'any', '--auto', '--force').status).toBe(0)
  const { status, stdout, stderr } = run('restore', '--timeout', '0.1')
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  const lines = stderr.split('\n')
  expect(lines).toContain(`waiting for ${missing}, at most 0.1 s`)
  expect(lines).toContain(`started: ${uuid} on mtty (mtty-2)`)
  expect(stderr).toContain(`no parent: ${other} on ${missing} (any): its parent ${missing} is not there: `)
  expect(stderr).toContain('vfioctl: 1 of 2 did not come up')
})

test('restore as JSON tells each device, and errors as elsewhere', () => {
  const run = hostWithTty()
  run('define', '-u', other, '-p', missing, '-t', 'any', '--auto', '--force')
  const { stdout, stderr } = run('restore', '--timeout', '0.1', '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    results: [
      { kind: 'mdev', name: uuid, parent: 'mtty', type: 'mtty-2', outcome: 'started', error: null },
      { kind: 'mdev', name: other, parent: missing, outcome: 'no-parent', error: { code: 'NOT_FOUND' } },
    ],
    warnings: [],
    dryRun: false,
  })
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'RESTORE_INCOMPLETE', exitCode: 1 } })
})

test('restore takes a time in seconds only', () => {
  expect(mockHost()('restore', '--timeout', 'soon').status).toBe(2)
})
