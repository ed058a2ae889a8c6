import { expect, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { parseInstances, parseModes } from '../../../../src/lifecycle/gpu-modes/gpu-state.ts'
import { stub } from '../../stub.ts'
import { blackwellHost, card, stateOf } from './blackwell-host.ts'

const words = (steps: readonly object[]) =>
  steps.flatMap((step) => ('arguments' in step ? [String(step.arguments)] : []))

test('mixed sizes are set with all functions, kept, and shown before exactly as they are done', async () => {
  const { host } = blackwellHost()
  const request = { device: card, heterogeneous: true }
  const dry = await host.setGpuModes(request, { dryRun: true })
  expect(await stateOf(host)).toMatchObject({ heterogeneous: false, functions: 0, kept: null })
  const change = await host.setGpuModes(request)
  expect(words(change.steps)).toEqual([`-e,${card}`, `vgpu,-i,${card},-shm,1`])
  expect(words(dry.steps)).toEqual(words(change.steps))
  expect(await stateOf(host)).toMatchObject({ heterogeneous: true, functions: 4, kept: { heterogeneous: true } })
  expect(await host.setGpuModes(request)).toMatchObject({ changed: false, steps: [] })
})

test('GPU instances end mixed sizes, and mixed sizes end MIG mode', async () => {
  const { host } = blackwellHost()
  await host.setGpuModes({ device: card, heterogeneous: true })
  await host.setGpuModes({ device: card, mig: [{ profile: '1g.24gb+gfx', count: 4 }] })
  expect(await stateOf(host)).toMatchObject({ mig: true, heterogeneous: null, functions: 4 })
  expect((await stateOf(host)).instances).toHaveLength(4)
  await host.setGpuModes({ device: card, heterogeneous: true })
  expect(await stateOf(host)).toMatchObject({
    mig: false,
    heterogeneous: true,
    instances: [],
    kept: { heterogeneous: true, mig: [] },
  })
})

test('modes say which kept ones they end, and which defined vGPUs do not start in them', async () => {
  const { host } = blackwellHost()
  const lines: string[] = []
  const set = (modes: object) => host.setGpuModes({ device: card, ...modes }, { onMessage: (line) => lines.push(line) })
  await set({ heterogeneous: true })
  await host.define({ name: '0000:41:00.4', type: 'DC-24Q', start: 'auto' })
  expect(lines).toEqual([])
  await set({ mig: [{ profile: '1g.24gb+gfx', count: 4 }] })
  const lost = '0000:41:00.4 (NVIDIA RTX Pro 6000 Blackwell DC-24Q)'
  expect(lines.splice(0)).toEqual([
    `${card} had mixed sizes kept, which that ends`,
    `defined vGPUs do not start in MIG mode: ${lost}`,
  ])
  const found = async () => (await host.doctor()).findings.filter(({ id }) => id === 'vgpu-for-other-modes')
  expect(await found()).toMatchObject([{ device: '0000:41:00.4', commands: ['vfioctl undefine 0000:41:00.4'] }])
  await set({ heterogeneous: true })
  expect(lines).toEqual([`${card} had 4x 1g.24gb+gfx kept, which that ends`])
  expect(await found()).toEqual([])
})

test('a layout that has no room leaves the card as it was, and nothing is kept of it', async () => {
  const { host } = blackwellHost()
  const before = { ...(await stateOf(host)), boot: await host.boot.kept() }
  const asked = host.setGpuModes({ device: card, mig: [{ profile: '1g.24gb+gfx', count: 9 }] })
  await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('that it had before') })
  expect({ ...(await stateOf(host)), boot: await host.boot.kept() }).toEqual(before)
})

test('functions whose card does not get its kept modes again are there, and the error says so', async () => {
  const { kernel, host } = blackwellHost()
  await host.setGpuModes({ device: card, heterogeneous: true })
  await host.setVirtualFunctions({ device: card, count: 0 })
  const refusing = stub(kernel, {
    async runProgram(path: string, run: Parameters<typeof kernel.runProgram>[1]) {
      if (run.arguments.includes('-shm')) return { status: 255, timedOut: false, stdout: 'Unknown Error', stderr: '' }
      return kernel.runProgram(path, run)
    },
  })
  await expect(new Host(refusing).setVirtualFunctions({ device: card, count: 'all' })).rejects.toMatchObject({
    message: expect.stringContaining(`${card} has its 4 virtual functions, without the modes that are kept for it`),
  })
  expect(await stateOf(host)).toMatchObject({ functions: 4, heterogeneous: false })
})

test('modes that a running vGPU keeps from changing are refused without doing anything too', async () => {
  const { host } = blackwellHost()
  await host.setVirtualFunctions({ device: card, count: 'all' })
  await host.start({ parent: card, type: 'DC-3Q' })
  const before = await stateOf(host)
  for (const modes of [{ heterogeneous: true }, { mig: [{ profile: '47', count: 1 }] }]) {
    for (const dryRun of [true, false]) {
      await expect(host.setGpuModes({ device: card, ...modes }, { dryRun })).rejects.toMatchObject({
        code: 'DEVICE_BUSY',
        message: expect.stringContaining('is a vGPU'),
      })
    }
  }
  expect(await stateOf(host)).toEqual(before)
})

test('functions that are made anew get the modes of their card again', async () => {
  const { host } = blackwellHost()
  await host.setGpuModes({ device: card, heterogeneous: true })
  await host.setVirtualFunctions({ device: card, count: 0 })
  expect(await stateOf(host)).toMatchObject({ heterogeneous: false })
  await host.setVirtualFunctions({ device: card, count: 'all' })
  expect(await stateOf(host)).toMatchObject({ heterogeneous: true })
})

test('what is kept is listed among what comes back at boot, and forgotten by the command there', async () => {
  const { host } = blackwellHost()
  await host.setGpuModes({ device: card, mig: [{ profile: '2g.48gb+gfx', count: 1 }] })
  const { kept } = await host.boot.kept()
  expect(kept.find(({ kind }) => kind === 'modes')).toMatchObject({
    device: card,
    what: '1x 2g.48gb+gfx',
    forget: `vfioctl gpu-mode ${card} --forget`,
  })
  expect(await host.forgetGpuModes(card)).toMatchObject({ changed: true })
  expect((await stateOf(host)).kept).toBe(null)
})

test('a mode that waits for whatever uses the card is DEVICE_BUSY, though nvidia-smi ends well, and taken back', async () => {
  const { kernel } = blackwellHost()
  const asked: string[] = []
  const waiting = stub(kernel, {
    async runProgram(path: string, run: Parameters<typeof kernel.runProgram>[1]) {
      const end = await kernel.runProgram(path, run)
      asked.push(run.arguments.join(' '))
      // as a monitor that holds the GPU has it: "MIG mode is in pending enable state" (NVIDIA's MIG user guide)
      return { ...end, stdout: end.stdout.replace(/(MIG Mode\n +Current +: )Enabled/, '$1Disabled') }
    },
  })
  const host = new Host(waiting)
  await expect(host.setGpuModes({ device: card, mig: [{ profile: '47', count: 1 }] })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: expect.stringMatching(
      /is to be enabled, and waits for whatever uses the card.*has the modes and functions/s,
    ),
  })
  expect(asked).toContain(`-i ${card} -mig 0`)
})

test.each([true, false])(
  'mixed sizes that are not as asked, though nvidia-smi ends well, are an error: %s',
  async (on) => {
    const { kernel, host } = blackwellHost()
    await host.setGpuModes({ device: card, heterogeneous: !on })
    await host.setVirtualFunctions({ device: card, count: 'all' })
    const idle = stub(kernel, {
      async runProgram(path: string, run: Parameters<typeof kernel.runProgram>[1]) {
        if (run.arguments.includes('-shm')) return { status: 0, timedOut: false, stdout: '', stderr: '' }
        return kernel.runProgram(path, run)
      },
    })
    await expect(new Host(idle).setGpuModes({ device: card, heterogeneous: on })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      message: expect.stringContaining(on ? 'does not mix sizes' : 'still mixes sizes'),
    })
  },
)

test('without nvidia-smi, that is what is missing', async () => {
  const { kernel } = blackwellHost()
  kernel.files.unlink('/usr/bin/nvidia-smi')
  await expect(new Host(kernel).setGpuModes({ device: card, heterogeneous: true })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    errno: 'ENOENT',
    path: '/usr/bin/nvidia-smi',
  })
})

test('what nvidia-smi has never been seen to say is an error, not a guess', () => {
  expect(() => parseModes('', card)).toThrow(/does not tell MIG Mode/)
  expect(() => parseModes('    MIG Mode\n        Current : On\n        Pending : Enabled\n', card)).toThrow(/'On'/)
  expect(() => parseInstances('|   0  MIG 1g.24gb x\n', card)).toThrow(/GPU instances/)
})

test('a card without MIG, as nvidia-smi 550 shows an L40 that is passed through, has neither mode', () => {
  const text = [
    '    MIG Mode',
    '        Current                           : N/A',
    '        Pending                           : N/A',
    '        Virtualization Mode               : Pass-Through',
    '        Host VGPU Mode                    : N/A',
    '        vGPU Heterogeneous Mode           : N/A',
  ].join('\n')
  expect(parseModes(text, card)).toEqual({ hostMode: null, mig: null, heterogeneous: null, canMixSizes: false })
})

test('a card whose functions are vGPUs is not given to another driver (harvester/pcidevices 627dc97 has the same rule)', async () => {
  const { host } = blackwellHost()
  await host.setVirtualFunctions({ device: card, count: 'all' })
  await host.start({ parent: card, type: 'DC-3Q' })
  await expect(host.bind({ device: card })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: expect.stringContaining('virtual functions'),
  })
  expect(host.list().devices).toMatchObject([{ type: '1519', active: true }])
})
