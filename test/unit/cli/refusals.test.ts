import { expect, test } from 'vitest'
import { runHere, stateFolder } from './run-here.ts'

/** Command lines that are not right, with their exit status and a part of what is said of each. */
const refused: Readonly<Record<string, readonly [status: number, said: string | RegExp]>> = {
  'doctor --mock --guest-memory 32': [2, "'32' lacks its unit: 32G or 32M, or 32B for bytes"],
  'run --mock 3b:00.0 --user alice --memlock 8 -- true': [2, "'8' lacks its unit"],
  'bind --mock 3b:00.0 --bars 1=16': [2, "'16' lacks its unit"],
  'start --mock arc-pro 03:00.1 --vram 8': [2, 'such as 8G, not'],
  'list --mock 03:00.9': [2, "'03:00.9' is not a PCI address: a device has functions 0 to 7"],
  'types --mock -p 03:00.9': [2, 'a device has functions 0 to 7'],
  'bind --mock 0000:03:20.0': [2, 'a bus has slots 00 to 1f'],
  'inspect --mock 03:00.8': [2, 'a device has functions 0 to 7'],
  'list --mock arc-pro 03:00.0': [
    3,
    /is a card: its virtual functions have the shares\n.*vfioctl list --mock arc-pro -p/,
  ],
  'restore --mock -p 99:00.0': [3, 'there is no PCI device 0000:99:00.0'],
  'restore --mock -p mtyt': [3, "no parent 'mtyt'"],
  'restore --mock -p css-0.0.0999': [3, 'there is no'],
  'gpu-mode --mock blackwell': [2, /which GPU\?\n.*vfioctl sriov --mock blackwell/],
}

test.each(Object.entries(refused))('%s', async (line, [status, said]) => {
  const { stderr, ...outcome } = await runHere(line.split(' '), stateFolder())
  expect(outcome).toEqual({ status, stdout: '' })
  expect(stderr).toEqual(typeof said === 'string' ? expect.stringContaining(said) : expect.stringMatching(said))
})

test('a size in bytes is taken with its unit, or if it is large enough to be meant', async () => {
  for (const size of ['32G', '32768B', '34359738368']) {
    expect(await runHere(['doctor', '--mock', '--guest-memory', size], stateFolder())).toMatchObject({ status: 0 })
  }
})

test('restore of a device that is there, with nothing kept for it, has nothing to do', async () => {
  for (const device of ['00:1f.6', 'mtty']) {
    expect(await runHere(['restore', '--mock', '-p', device], stateFolder())).toEqual({
      ...{ status: 0, stdout: '' },
      stderr: expect.stringContaining('nothing to do: nothing is kept for the boots of'),
    })
  }
})

test('mock reset of a host on which nothing was done says so', async () => {
  const folder = stateFolder()
  const reset = async () => (await runHere(['mock', 'reset', '--mock', 'gpu-host'], folder)).stderr
  expect(await reset()).toBe('nothing was ever done on the simulated host gpu-host\n')
  await runHere(['sriov', '--mock', 'gpu-host', '41:00.0', 'all'], folder)
  expect(await reset()).toBe('the simulated host gpu-host starts over\n')
})
