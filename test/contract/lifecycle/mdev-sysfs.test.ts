import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { isSystemError } from '../../../src/base/system-error.ts'
import { type ContractKernel, contractKernel } from '../kernel.ts'

type Parent = 'mtty' | 'mdpy' | 'mbochs'

/** A parent's files; the devices that a test makes there are removed after it. */
function parentUnderTest({ skip }: TestContext, parent: Parent) {
  const contract: ContractKernel = contractKernel()
  const { files } = contract.kernel
  onTestFinished(() => contract.kernel.dispose())
  const types = `/sys/class/mdev_bus/${parent}/mdev_supported_types`
  if (files.kind(`/sys/class/mdev_bus/${parent}`) === null) skip(`module ${parent} is not loaded`)
  const created: string[] = []
  onTestFinished(async () => {
    for (const uuid of created) await contract.remove(uuid)
  })
  /** Null where it was done, else the errno's name. */
  const create = async (type: string, text: string): Promise<string | null> => {
    try {
      await files.write(`${types}/${type}/create`, text)
    } catch (error) {
      if (isSystemError(error)) return error.code
      throw error
    }
    created.push(text.slice(0, 36).toLowerCase())
    return null
  }
  const remove = async (uuid: string) => {
    await contract.remove(uuid)
    created.splice(created.indexOf(uuid), 1)
  }
  const available = (type: string) => Number(files.read(`${types}/${type}/available_instances`))
  return { files, create, remove, available }
}

/** By parent: instances that each type offers of an empty one, the type to fill it up with, the errno of the next. */
const parents: readonly [Parent, Readonly<Record<string, number>>, string, string][] = [
  ['mtty', { 'mtty-1': 24, 'mtty-2': 12 }, 'mtty-2', 'ENOSPC'],
  ['mdpy', { 'mdpy-vga': 4, 'mdpy-xga': 4, 'mdpy-hd': 4 }, 'mdpy-vga', 'EUSERS'],
  ['mbochs', { 'mbochs-small': 64, 'mbochs-medium': 16, 'mbochs-large': 4 }, 'mbochs-large', 'ENOSPC'],
]

test.for(parents)(
  '%s counts what is left over all its types, and is full then',
  async ([parent, offers, type, full], context) => {
    const { create, remove, available } = parentUnderTest(context, parent)
    const left = () => Object.fromEntries(Object.keys(offers).map((one) => [one, available(one)]))
    expect(left()).toEqual(offers)
    const room = offers[type] ?? 0
    const share = (used: number) =>
      Object.fromEntries(Object.entries(offers).map(([one, most]) => [one, (most / room) * (room - used)]))
    const uuids: string[] = []
    for (let used = 1; used <= room; used++) {
      const uuid = randomUUID()
      expect(await create(type, uuid)).toBe(null)
      uuids.push(uuid)
      expect(left()).toEqual(share(used))
    }
    for (const one of Object.keys(offers)) expect(await create(one, randomUUID())).toBe(full)
    for (const uuid of uuids) await remove(uuid)
    expect(left()).toEqual(offers)
  },
)

test('a UUID is one device’s, of whatever type or parent: EEXIST', async (context) => {
  const { create, remove, available } = parentUnderTest(context, 'mtty')
  const uuid = randomUUID()
  expect(await create('mtty-1', uuid)).toBe(null)
  expect([await create('mtty-1', uuid), await create('mtty-2', uuid.toUpperCase())]).toEqual(['EEXIST', 'EEXIST'])
  expect(available('mtty-1')).toBe(23)
  await remove(uuid)
  expect(await create('mtty-2', uuid)).toBe(null)
})

test.for([
  ['empty but for a newline', '\n'],
  ['too short', '00000000-0000-4000-8000-00000000000'],
  ['two bytes too long', '00000000-0000-4000-8000-00000000000000'],
  ['with something behind its newline', '00000000-0000-4000-8000-000000000000\n\n'],
  ['in braces', '{00000000-0000-4000-8000-000000000000}'],
  ['without dashes', '00000000000040008000000000000000'],
  ['with a letter that is no digit', '0000000g-0000-4000-8000-000000000000'],
  ['with its dashes elsewhere', '000000-000000-4000-8000-000000000000'],
] as const)('a UUID that is %s is EINVAL, and takes no room', async ([, text], context) => {
  const { create, available } = parentUnderTest(context, 'mtty')
  expect(await create('mtty-1', text)).toBe('EINVAL')
  expect(available('mtty-1')).toBe(24)
})

test.for([
  ['in upper case', (uuid: string) => uuid.toUpperCase()],
  ['with a newline', (uuid: string) => `${uuid}\n`],
  ['with one more digit, at which nobody looks,', (uuid: string) => `${uuid}0`],
] as const)('a UUID %s is a device by its lower-case name', async ([, written], context) => {
  const { files, create } = parentUnderTest(context, 'mtty')
  const uuid = randomUUID()
  expect(await create('mtty-1', written(uuid))).toBe(null)
  expect(files.kind(`/sys/bus/mdev/devices/${uuid}`)).toBe('symlink')
  expect(files.list('/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/devices')).toEqual([uuid])
})

test.for([
  ['mtty', 'mtty-1', 'vendor/sample_mdev_dev', (uuid: string) => `This is MDEV ${uuid}\n`, null],
  ['mdpy', 'mdpy-xga', 'vendor/resolution', () => '1024x768\n', 'virtual display, 1024x768 framebuffer\n'],
  ['mbochs', 'mbochs-medium', 'vendor/memory', () => '16 MB\n', 'virtual display, 16 MB video memory\n'],
] as const)(
  '%s says of a device and of its type what its driver says',
  async ([parent, type, attribute, value, description], context) => {
    const { files, create } = parentUnderTest(context, parent)
    const uuid = randomUUID()
    await create(type, uuid)
    expect(files.read(`/sys/bus/mdev/devices/${uuid}/${attribute}`)).toBe(value(uuid))
    const shown = `/sys/bus/mdev/devices/${uuid}/mdev_type`
    expect(files.kind(`${shown}/description`)).toBe(description === null ? null : 'file')
    if (description !== null) expect(files.read(`${shown}/description`)).toBe(description)
    expect(files.read(`${shown}/device_api`)).toBe('vfio-pci\n')
  },
)
