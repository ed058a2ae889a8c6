import { expect, onTestFinished, test } from 'vitest'
import { failedWith } from '../../../src/base/system-error.ts'
import type { HostFiles } from '../../../src/kernel/kernel.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { contractKernel, isLinuxBefore } from '../kernel.ts'
import { addresses, bindPci } from '../pci.ts'

/** Writes to the `type` of a group: 'done' or the errno, and the content of the file then. */
async function write(files: HostFiles, group: number, type: string): Promise<readonly [string, string]> {
  const path = `/sys/kernel/iommu_groups/${group}/type`
  try {
    await files.write(path, type)
    return ['done', files.read(path).trim()]
  } catch (error) {
    return [
      ['EINVAL', 'EBUSY', 'EPERM'].find((code) => failedWith(error, code)) ?? String(error),
      files.read(path).trim(),
    ]
  }
}

test('a group that no driver has takes any type that there is, and auto', async ({ skip }) => {
  const { kernel } = contractKernel()
  onTestFinished(() => kernel.dispose())
  const { files } = kernel
  const link = `/sys/bus/pci/devices/${addresses['pci-testdev']}/iommu_group`
  if (files.kind(link) === null) skip('there is no IOMMU group')
  const group = Number(files.readlink(link).split('/').at(-1))
  expect(await write(files, group, 'identity')).toEqual(['done', 'identity'])
  expect(await write(files, group, 'DMA-FQ\n')).toEqual(['done', 'DMA-FQ'])
  expect(await write(files, group, 'auto')).toEqual(['done', 'DMA'])
  expect(await write(files, group, 'dma')).toEqual(['EINVAL', 'DMA'])
  expect(await write(files, group, 'identity\n\n')).toEqual(['EINVAL', 'DMA'])
})

test('one that vfio-pci has: DMA-FQ from DMA always, the others since 6.5, and not while it is open', async (context) => {
  const { kernel, group, address } = await bindPci(context, 'pci-testdev')
  const { files } = kernel
  if (files.kind(`/sys/kernel/iommu_groups/${group}/reserved_regions`) === null) context.skip('there is no IOMMU')
  const isOld = isLinuxBefore({ kernel }, 6, 5)
  onTestFinished(async () => {
    if (!isOld) await files.write(`/sys/kernel/iommu_groups/${group}/type`, 'DMA')
  })
  expect(await write(files, group, 'identity')).toEqual(isOld ? ['EBUSY', 'DMA'] : ['done', 'identity'])
  expect(await write(files, group, 'DMA')).toEqual([isOld ? 'EBUSY' : 'done', 'DMA'])
  const device = openDevice(kernel, { group, name: address })
  for (const type of ['identity', 'DMA', 'auto']) {
    expect(await write(files, group, type)).toEqual([isOld ? 'EBUSY' : 'EPERM', 'DMA'])
  }
  device.close()
  expect(await write(files, group, 'DMA-FQ')).toEqual(['done', 'DMA-FQ'])
  expect(await write(files, group, 'DMA')).toEqual(isOld ? ['EBUSY', 'DMA-FQ'] : ['done', 'DMA'])
  using _ = openDevice(kernel, { group, name: address })
})

test('one of several devices: not before 6.5', async (context) => {
  const { kernel, group } = await bindPci(context, 'edu-shared-1')
  const { files } = kernel
  const before = files.read(`/sys/kernel/iommu_groups/${group}/type`).trim()
  const isOld = isLinuxBefore({ kernel }, 6, 5)
  expect(await write(files, group, 'identity')).toEqual(isOld ? ['EINVAL', before] : ['done', 'identity'])
  if (!isOld) expect(await write(files, group, before)).toEqual(['done', before])
})
