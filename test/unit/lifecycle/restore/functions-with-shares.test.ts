import { expect, test } from 'vitest'
import type { Host } from '../../../../src/host.ts'
import { arcHost, b50, gib, rebooted } from '../kinds/xe-vf/arc-host.ts'

const [vf1, vf2, vf3] = ['0000:03:00.1', '0000:03:00.2', '0000:03:00.3'] as const

async function found(host: Host, id: string) {
  const { findings } = await host.doctor()
  return findings.filter((it) => it.id === id).map(({ device, message, commands }) => ({ device, message, commands }))
}

test('functions that have no VRAM after a boot, since that of others is defined, are found before', async () => {
  const { host, kernel } = arcHost()
  await host.setVirtualFunctions({ device: b50, count: 3, autoprobe: false })
  expect(await found(host, 'functions-without-vram')).toEqual([])
  await host.define({ name: vf2, shares: { vram: 2 * gib }, start: 'auto' })
  expect(await found(host, 'functions-without-vram')).toEqual([
    {
      device: b50,
      message: `${b50} keeps 3 virtual functions, and of some alone the VRAM is defined`,
      commands: [vf1, vf3].map((it) => `vfioctl define ${it} --vram SIZE --auto`),
    },
  ])
  const after = rebooted(kernel)
  await after.host.restore()
  expect(after.host.list({ active: true }).devices.map(({ name }) => name)).toEqual([vf2])

  for (const name of [vf1, vf3]) await host.define({ name, shares: { vram: 2 * gib }, start: 'auto' })
  expect(await found(host, 'functions-without-vram')).toEqual([])
  const whole = rebooted(kernel)
  await whole.host.restore()
  expect(whole.host.list({ active: true }).devices.map(({ name }) => name)).toEqual([vf1, vf2, vf3])
})

test('a share for which a card has no room fails alone at the next boot: the other functions come', async () => {
  const { host, kernel } = arcHost()
  await host.setVirtualFunctions({ device: b50, count: 2, autoprobe: false })
  await host.define({ name: vf1, shares: { vram: 8 * gib }, start: 'auto' })
  await host.define({ name: vf2, shares: { vram: 12 * gib }, start: 'auto' })
  const after = rebooted(kernel)
  const { results } = await after.host.restore()
  expect(results.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['2 virtual functions', 'started'],
    [vf1, 'already-there'],
    [vf2, 'failed'],
  ])
  expect(after.host.list({ active: true }).devices.map(({ name, type }) => [name, type])).toEqual([[vf1, 'vram=8GiB']])
})

test('a definition of a function beyond the number that its card keeps is found, with the number that it needs', async () => {
  const { host } = arcHost()
  await host.define({ name: vf3, shares: { vram: gib }, start: 'auto' })
  const message = (kept: string) =>
    `vram=1GiB on ${b50}, auto is kept for ${vf3}, which is function 3 of ${b50}, for which ${kept}`
  const commands = [`vfioctl sriov ${b50} 3`]
  expect(await found(host, 'kept-for-absent-device')).toEqual([
    { device: vf3, message: message('no virtual functions are kept'), commands },
  ])
  await host.setVirtualFunctions({ device: b50, count: 1, autoprobe: false })
  expect(await found(host, 'kept-for-absent-device')).toEqual([
    { device: vf3, message: message('1 virtual function is kept'), commands },
  ])
  await host.setVirtualFunctions({ device: b50, count: 3, autoprobe: false })
  expect(await found(host, 'kept-for-absent-device')).toEqual([])
})
