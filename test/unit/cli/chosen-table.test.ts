import { describe, expect, test } from 'vitest'
import { runHere, stateFolder } from './run-here.ts'

const running = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const defined = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

/** A simulated host with a device that runs and is not defined, and one that is defined and does not run. */
async function twoDevices() {
  const folder = stateFolder()
  const run = async (line: string) => runHere([...line.split(' '), '--mock'], folder)
  await run(`start -u ${running} -p mtty -t mtty-1`)
  await run(`define -u ${defined} -p mtty -t mtty-2`)
  return run
}

describe('list', () => {
  test('-q and -o name print the names alone, and no message if there is none', async () => {
    const run = await twoDevices()
    const names = { status: 0, stdout: `${running}\n${defined}\n`, stderr: '' }
    expect(await run('list -q')).toEqual(names)
    expect(await run('list -o name')).toEqual(names)
    expect(await run('list -q -t mtty-9')).toMatchObject({ stdout: '', status: 3 })
    expect(await run('list -q --active --defined')).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('--columns shows those in that order, also if they are empty', async () => {
    const run = await twoDevices()
    expect((await run('list --columns state,used-by,DEVICE')).stdout).toBe(
      `STATE     USED BY  DEVICE\nactive    -        ${running}\ninactive  -        ${defined}\n`,
    )
    expect((await run('list --columns state --no-headers')).stdout).toBe('active\ninactive\n')
  })

  test('-o wide shows more columns, -o json what --json does', async () => {
    const run = await twoDevices()
    expect((await run('list -o wide')).stdout).toMatch(/^DEVICE .* NODE +KIND\n/)
    expect((await run('list')).stdout).not.toContain('KIND')
    expect(await run('list -o json')).toEqual(await run('list --json'))
  })

  test.each([
    ['--active', [running]],
    ['--inactive', [defined]],
    ['--defined', [defined]],
    ['--transient', [running]],
    ['--inactive --transient', []],
    ['--inactive -t mtty-2', [defined]],
  ])('%s', async (filter, names) => {
    const run = await twoDevices()
    expect((await run(`list -q ${filter}`)).stdout).toBe(names.map((it) => `${it}\n`).join(''))
  })
})

test('each id of a type is named once, and each function that can have functions', async () => {
  const folder = stateFolder()
  const { stdout } = await runHere(['types', '-q', '--mock', 'gpu-host'], folder)
  expect(stdout).toMatch(/^(nvidia-\d+\n)+/)
  const ids = stdout.trim().split('\n')
  expect(new Set(ids).size).toBe(ids.length)
  expect((await runHere(['sriov', '-q', '--mock', 'arc-pro'], folder)).stdout).toBe(
    '0000:00:02.0\n0000:03:00.0\n0000:04:00.0\n',
  )
  expect((await runHere(['groups', '--columns', 'device', '--no-headers', '--mock'], folder)).stdout).toMatch(/^0000:/)
})

const refused: Readonly<Record<string, string>> = {
  'list --columns device,size': "there is no column 'size'",
  'list --columns size': 'columns are device, parent, type, name, state, start, group, node, used-by, kind, pids',
  'list -o xml': "-o is one of name, wide, json, not 'xml'",
  'list -q -o wide': '-o wide and -q exclude each other',
  'list --json -q': '--json and -q exclude each other',
  'list -q --columns state': '-q and --columns exclude each other',
  'list --active --inactive': '--active and --inactive exclude each other',
  'list --defined --transient': '--defined and --transient exclude each other',
  'list --kept -q': 'are not for --kept',
  'groups --tree -q': 'are not for --tree',
  'sriov 03:00.0 2 -q': 'are not for a change',
  'watch -p 99:00.0': 'there is no PCI device 0000:99:00.0',
}

test.each(Object.entries(refused))('%s', async (line, said) => {
  const { status, stdout, stderr } = await runHere([...line.split(' '), '--mock'], stateFolder())
  expect({ stdout, isRefused: status === 2 || status === 3 }).toEqual({ stdout: '', isRefused: true })
  expect(stderr).toContain(said)
})

test('a wrong column is told as JSON if -o json asks for it', async () => {
  const { stderr } = await runHere(['list', '-ojson', '--columns', 'size', '--mock'], stateFolder())
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } })
})
