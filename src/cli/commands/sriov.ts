import { counted } from '../../base/units.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import { given } from '../arguments/change-options.ts'
import { dryRun } from '../arguments/global-options.ts'
import { parseSeconds, wholeNumber } from '../arguments/numbers.ts'
import { findPciDevice } from '../arguments/pci-device.ts'
import { oneOf } from '../arguments/pci-settings.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { asksNames, checkChoice, checkNoChoice, chosenTable, tableArguments } from '../output/chosen-table.ts'
import { reportGimLine } from '../output/gim-line-text.ts'
import { type Column, json, reportWarnings } from '../output/output.ts'
import { reportDryRun } from '../output/report-change.ts'

const columns: readonly Column<PhysicalFunction>[] = [
  { heading: 'DEVICE', cell: (row) => row.address },
  { heading: 'DRIVER', cell: (row) => row.driver },
  { heading: 'FUNCTIONS', cell: (row) => row.count },
  { heading: 'MAX', cell: (row) => row.total },
  { heading: 'AUTOPROBE', cell: ({ autoprobe }) => (autoprobe === null ? null : autoprobe ? 'on' : 'off') },
]

const epilogue = `Functions that are kept for VFIO (vfioctl bind, or bindings of a spec file) get their driver as soon as they are there.
A network function's MAC address, VLAN and trust are set on its card: ip link set DEV vf N mac ADDRESS vlan ID trust on.`

const sriov: Command = command({
  epilogue,
  arguments: {
    device: {
      kind: 'optional',
      completes: 'host device',
      parse: text,
      describe: 'the physical function: its PCI address, or its network interface',
    },
    count: {
      kind: 'optional',
      completes: ['all', '0'],
      parse: (asked): number | 'all' => (asked === 'all' ? asked : wholeNumber('COUNT', 0xffff)(asked)),
      describe: 'the number of virtual functions, or all',
    },
    autoprobe: {
      kind: 'option',
      value: 'WORD',
      completes: ['off', 'on'],
      parse: (given) => oneOf('autoprobe', { off: false, on: true } as const, given),
      describe:
        'off: keep the host’s drivers from functions as they come, at every boot too (sriov_drivers_autoprobe); on: let them have those again',
    },
    transient: { kind: 'flag', describe: 'Only until the next boot: store nothing' },
    modprobe: {
      kind: 'flag',
      describe: 'write the line of modprobe for a driver that makes functions as it is loaded: AMD’s gim',
    },
    timeout: {
      kind: 'option',
      value: 'SECONDS',
      completes: 'nothing',
      parse: parseSeconds,
      describe: 'the longest wait for the functions to appear (default: 30)',
    },
    'dry-run': dryRun,
    ...tableArguments(columns),
  },
  examples: [
    ['vfioctl sriov', 'the devices that can have virtual functions, and how many they have'],
    ['vfioctl sriov 81:00.0 8', 'eight functions on a network card, now and at every boot'],
    ['vfioctl sriov 41:00.0 all', 'all functions of a GPU, which can then become vGPUs'],
    ['vfioctl sriov 81:00.0 8 --autoprobe off', 'without a driver of the host, as for virtual machines'],
    ['vfioctl sriov 05:00.0 8 --modprobe', 'eight functions of an AMD GPU, once its driver gim is loaded anew'],
    ['vfioctl sriov eth2 0', 'no functions on the card of that interface'],
  ],
  async run(values, context, io) {
    const { device, count, autoprobe, transient, modprobe, timeout, 'dry-run': isDry } = values
    checkChoice(values, context.options.json)
    if (count !== undefined) checkNoChoice(values, 'a change')
    if (modprobe && (transient || autoprobe !== undefined || timeout !== undefined))
      throw usageError('--modprobe goes with DEVICE, COUNT and --dry-run alone', 'vfioctl sriov --help')
    const host = await context.host()
    const address = device === undefined ? undefined : findPciDevice(host.kernel.files, device)
    if (modprobe && address !== undefined && count !== undefined) {
      const change = await host.writeGimLine({ device: address, count }, { dryRun: isDry, signal: io.interruption() })
      return reportGimLine(change, context, io)
    }
    if (modprobe) throw usageError('--modprobe needs DEVICE and COUNT', 'vfioctl sriov --help')
    if (autoprobe !== undefined && (count === undefined || count === 0)) {
      throw usageError(
        '--autoprobe needs DEVICE and a COUNT of at least 1, with which it is kept',
        'vfioctl sriov --help',
      )
    }
    if (address === undefined || count === undefined) {
      const { functions, warnings } = host.physicalFunctions(given({ device: address }))
      if (context.options.json) io.out(json({ functions, warnings }))
      else {
        reportWarnings(warnings, io)
        const isPlain = !asksNames(values) && values.columns === undefined && !values['no-headers']
        const partitions = isPlain ? functions.map(partitionText).join('') : ''
        if (functions.length > 0) io.out(chosenTable(functions, columns, values, 'DEVICE') + partitions)
        else if (isPlain) io.err('no device of this host can have virtual functions\n')
      }
      return
    }
    const request = { device: address, count, transient, ...given({ autoprobe, timeoutMs: timeout }) }
    const said = (line: string) => io.err(`${line}\n`)
    const change = await host.setVirtualFunctions(request, {
      dryRun: isDry,
      signal: io.interruption(),
      onMessage: said,
    })
    const isOther = change.asked !== change.count
    const asked = !isOther ? '' : `; its driver makes that many if ${change.asked} are asked for`
    const already = `already so: ${change.device} has ${change.count} of ${counted(change.total, 'virtual function')}${asked}`
    if (context.options.json) io.out(json(change))
    else if (isDry) reportDryRun([change], io, () => already)
    else if (!change.changed) io.err(`${already}\n`)
    else if (change.total === 0) io.err(`${change.device} has no SR-IOV now; the number kept for it is forgotten\n`)
    else if (isOther && !host.kernel.runsPrograms) {
      const will = `is to have ${change.asked} of ${counted(change.total, 'virtual function')} from its next boot on`
      io.err(`${change.device} ${will}; below another root NVIDIA's sriov-manage is not run\n`)
    } else {
      const kept = transient ? 'until the next boot' : 'now and at every boot'
      const probing = autoprobe === undefined ? '' : `, autoprobe ${autoprobe ? 'on' : 'off'}`
      const has = `${change.count} of ${counted(change.total, 'virtual function')}${probing}`
      io.err(`${change.device} has ${has}, ${kept}${asked}\n`)
    }
  },
})
export default sriov

/** Lines below the table for a GPU that AMD's driver gim divides. */
function partitionText({ address, partitions }: PhysicalFunction): string {
  if (partitions === undefined) return ''
  const { profile, memory, profiles, memoryModes, engines } = partitions
  const now = profile === null ? 'not known' : `${profile.type} (partitions: ${profile.partitions})`
  const each = profiles.map(
    ({ index, type, partitions: count, memory: its }) =>
      `  profile ${index}: ${type}, partitions: ${count}, memory ${its.join(' ') || 'not known'}\n`,
  )
  const whole =
    engines === null ? '' : `; ${engines.xcc} XCC, ${engines.sdma} SDMA, ${engines.vcn} VCN, ${engines.jpeg} JPEG`
  const modes = memoryModes.length === 0 ? '' : ` of ${memoryModes.join(' ')}`
  return [`${address}: ${now}, memory ${memory ?? 'not known'}${modes}${whole}\n`, ...each].join('')
}
