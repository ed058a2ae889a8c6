import { counted, type PciAddress } from '../../base/units.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { readResetMethods } from '../../host/pci-power.ts'
import { physicalFunctionOf, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { overrideStep, probeStep } from '../bindings/change-driver.ts'
import type { Write } from '../change/change.ts'
import { kinds } from '../kinds/kinds.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { isManaged } from '../sriov/asked-count.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'
import type { RecoveryWay } from './recovery.ts'

/** The kernel's methods (drivers/pci/pci.c, pci_reset_fn_methods), and the cost of each. */
const methodCosts: Readonly<Record<string, string>> = {
  device_specific: 'a reset that the kernel knows for such a device; it loses its state',
  acpi: 'its firmware resets it (_RST); it loses its state',
  flr: 'a function-level reset: this function alone loses its state',
  af_flr: 'a function-level reset (Advanced Features): this function alone loses its state',
  pm: 'to D3hot and back to D0: this function alone loses its state',
  bus: 'its slot or bus is reset: the link goes down for a moment, and nothing else is on it',
  cxl_bus: 'its bus is reset, its memory of CXL with it; nothing else is on it',
}

/**
 * The ways to bring a device back, those that cost least first: the kernel's own resets of it, then what makes it anew.
 * No scan of the bus finds a virtual function again: its physical function makes it.
 */
export function recoveryWays(files: HostFiles, address: PciAddress, binding: DriverBinding): RecoveryWay[] {
  // a reset of the bus that is none any more would be refused in the order that is written back
  const methods = readResetMethods(files, address)
  const resets = methods.map((method) => resetBy(address, method, methods))
  const above = physicalFunctionOf(files, address)
  return [...resets, ...(above === null ? [foundAgain(files, address, binding)] : madeAnew(files, above, binding))]
}

/** By one method alone; the order that was there is written back, whether it helped or not. */
function resetBy(address: PciAddress, method: string, before: readonly string[]): RecoveryWay {
  const folder = `${pciDevices}/${address}`
  const choose = (methods: readonly string[]) => write(`${folder}/reset_method`, methods.join(' '))
  return {
    way: method,
    cost: methodCosts[method] ?? `a reset by the kernel's method ${method}; it loses its state`,
    steps: [choose([method]), write(`${folder}/reset`, '1')],
    after: [choose(before)],
    needs: `${folder}/reset_method`,
    card: null,
    makesAnew: false,
  }
}

/**
 * Off the bus, and found by a scan: it comes back in its power-on state, in whichever IOMMU group and with which
 * driver.
 */
function foundAgain(files: HostFiles, address: PciAddress, binding: DriverBinding): RecoveryWay {
  const card = readPhysicalFunction(files, address)
  const count = card?.count ?? 0
  const isKept = files.kind(sriovSettings.path(address)) !== null || files.kind(gpuModeSettings.path(address)) !== null
  const lost = [
    ...(count === 0
      ? []
      : [`; it loses its ${counted(count, 'virtual function')} for good, with what is made of them`]),
    ...(isKept ? [`; vfioctl restore -p ${address} brings back what is kept of its modes and functions`] : []),
  ].join('')
  return {
    way: 'rescan',
    cost: `it leaves the bus with all that is behind it, and is found again${lost}`,
    steps: [write(`${pciDevices}/${address}/remove`, '1'), write('/sys/bus/pci/rescan', '1')],
    after: driverAgain(binding),
    needs: `${pciDevices}/${address}/driver_override`,
    card,
    makesAnew: true,
  }
}

/** None of a card whose functions a script of its vendor makes. */
function madeAnew(files: HostFiles, above: PciAddress, binding: DriverBinding): RecoveryWay[] {
  const card = readPhysicalFunction(files, above)
  if (card === null || isManaged(files, card)) return []
  const { count } = card
  // they give their shares back as they go
  const shares = kinds.flatMap((kind) => kind.writesBeforeFunctions(files, card, count))
  const isShared = kinds.some((kind) => kind.hasShares && kind.claimsParent(files, above))
  const andShares = isShared ? '; they come with the shares that are defined for them, and lose others' : ''
  const setCount = (number: number) => write(`${pciDevices}/${above}/sriov_numvfs`, String(number))
  const way: RecoveryWay = {
    way: 'functions',
    cost: `${above} loses its ${counted(count, 'virtual function')} and makes them anew; the others come with whichever driver knows them${andShares}`,
    steps: [setCount(0), ...shares, setCount(count)],
    after: driverAgain(binding),
    needs: `${pciDevices}/${binding.device.name}/driver_override`,
    card,
    makesAnew: true,
  }
  return [way]
}

/** The driver that it had, by its name. */
function driverAgain({ device, driver, override }: DriverBinding): Write[] {
  if (driver === null) return []
  return override === null ? [probeStep(device)] : [overrideStep(device, override), probeStep(device)]
}

function write(path: string, value: string): Write {
  return { action: 'write', path, value }
}
