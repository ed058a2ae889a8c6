import { expect, test } from 'vitest'
import type { Host } from '../../../../src/host.ts'
import { blackwellHost, card } from '../gpu-modes/blackwell-host.ts'

async function found(host: Host) {
  const { findings } = await host.doctor()
  return findings.filter(({ id }) => id === 'gpu-modes-not-set')
}

/** As an administrator does it by hand: it ends mixed sizes and GPU instances. */
async function cycle({ kernel }: Host) {
  for (const option of ['-d', '-e']) {
    const { status } = await kernel.runProgram('/usr/lib/nvidia/sriov-manage', {
      arguments: [option, card],
      timeoutMs: 10_000,
    })
    expect(status).toBe(0)
  }
}

test.each([
  [{ heterogeneous: true }, `${card} is to have mixed sizes, MIG off, and has one size, MIG off`],
  [
    { mig: [{ profile: '1g.24gb+gfx', count: 2 }] },
    `${card} is to have 2x 1g.24gb+gfx, and has MIG on, and no GPU instance`,
  ],
] as const)(
  'modes that are kept (%j) and that sriov-manage ended are found, and restore brings them back',
  async (modes, message) => {
    const { host } = blackwellHost()
    await host.setGpuModes({ device: card, ...modes })
    expect(await found(host)).toEqual([])
    await cycle(host)
    expect(await found(host)).toMatchObject([
      { severity: 'warning', device: card, message, commands: [`vfioctl restore -p ${card}`] },
    ])
    await host.restore({ parent: card })
    expect(await found(host)).toEqual([])
  },
)

test('of a card whose modes nobody kept there is nothing to say', async () => {
  const { host } = blackwellHost()
  expect(await found(host)).toEqual([])
})
