import type { BootFileStatus } from '../../lifecycle/boot/install.ts'
import type { BootStatus } from '../../lifecycle/boot/status.ts'
import type { EarlyDevice } from '../../lifecycle/early/early-rule.ts'
import type { EarlyImage, EarlyStatus } from '../../lifecycle/early/early-status.ts'
import { type Column, table } from './output.ts'

const fileColumns: readonly Column<BootFileStatus>[] = [
  { heading: 'RUNS RESTORE', cell: ({ path }) => path },
  { heading: 'STATE', cell: ({ state }) => state },
]
const deviceColumns: readonly Column<EarlyDevice>[] = [
  { heading: 'BOUND EARLY', cell: ({ address }) => address },
  { heading: 'DRIVER', cell: ({ driver }) => driver },
  { heading: 'IF ITS IDS ARE', cell: ({ vendor, device }) => `${vendor.slice(2)}:${device.slice(2)}` },
]
const ruleColumns: readonly Column<EarlyStatus['rule']>[] = [
  { heading: 'RULE', cell: ({ path }) => path },
  { heading: 'STATE', cell: ({ state }) => state },
]
const imageColumns: readonly Column<EarlyImage>[] = [
  { heading: 'INITRAMFS', cell: ({ path, running }) => `${path}${running ? ' (of this kernel)' : ''}` },
  { heading: 'RULE IN IT', cell: ({ rule }) => rule },
]

/** The status as tables: of the files that run restore, and of what is bound early. */
export function bootStatusText({ files, early }: BootStatus): string {
  const tables = [table(files, fileColumns)]
  if (early !== null) {
    if (early.devices.length > 0) tables.push(table(early.devices, deviceColumns))
    tables.push(table([early.rule], ruleColumns))
    if (early.images.length > 0) tables.push(table(early.images, imageColumns))
  }
  return tables.join('\n')
}

/** The lines of what is not as it should be, each with what mends it; none if all is. */
export function bootStatusFaults({ installed, early }: BootStatus): string[] {
  const restore = installed ? [] : ['nothing runs restore at the next boot: vfioctl boot install']
  if (early === null) return restore
  const { devices, rule, images, leftOut, unfinished } = early
  const [first] = devices
  const again =
    first === undefined
      ? 'no device is to be early: sh /etc/vfioctl.d/early-undo takes the rest away'
      : `vfioctl bind ${first.address} --early makes it anew`
  const running = images.find((image) => image.running)
  const isOff = first === undefined || rule.state !== 'written' || unfinished
  const isOldImage = running?.rule === 'missing' || running?.rule === 'older'
  return [
    ...restore,
    ...(leftOut ? ['this boot left it out, as the kernel’s command line has vfioctl.early=0'] : []),
    ...(isOff || isOldImage ? [`what is bound early is not as it should be: ${again}`] : []),
  ]
}
