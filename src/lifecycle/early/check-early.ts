import { VfioError } from '../../base/errors.ts'
import { pciAddressOrNull } from '../../base/units.ts'
import { builtInDriver, modulesFor } from '../../host/built-in-driver.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { firmwareFramebuffer, isBootDisplay, noFramebuffer } from '../../host/display/boot-display.ts'
import type { DriverBinding } from '../../host/driver-binding.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isRuleWord } from './early-rule.ts'

/** udev's own rule that has the drivers of devices loaded. */
const loadsDrivers = 'udev/rules.d/80-drivers.rules'

/**
 * NOT_SUPPORTED for a device that a udev rule cannot give a driver before others see it, with what to do instead: on
 * another bus than PCI, a bridge, a virtual function, one whose own driver is built in. INVALID_ARGUMENT for a driver's
 * name that cannot stand in a rule.
 */
export function checkEarly(files: HostFiles, { device, driver: now, isBridge }: DriverBinding, driver: string): void {
  const shown = shownDevice(device)
  const refused = (why: string, hint: string) =>
    new VfioError('NOT_SUPPORTED', `${shown} cannot be bound early: ${why}`, {
      hint,
      facts: { device: device.name, driver: now },
    })
  const late = `vfioctl bind ${shown}, without --early, gives it its driver at every boot, after its own`
  if (device.bus !== 'pci') throw refused('it is not on the PCI bus', late)
  if (isBridge) throw refused('it is a bridge, on which devices depend', 'name the devices behind it')
  if (files.kind(`${devicePath(device)}/physfn`) !== null) {
    throw refused(
      'it is a virtual function, which is made once its card has its driver',
      `vfioctl bind ${shown}, without --early: it gets its driver as it is made`,
    )
  }
  if (!isRuleWord(driver)) {
    throw new VfioError('INVALID_ARGUMENT', `driver '${driver}' cannot stand in a udev rule`, {
      hint: 'ls /sys/bus/pci/drivers',
      facts: { driver },
    })
  }
  if (!['/usr/lib', '/lib'].some((folder) => files.kind(`${folder}/${loadsDrivers}`) !== null)) {
    throw refused(`there is no udev here that loads drivers (/usr/lib/${loadsDrivers})`, late)
  }
  const own = builtInDriver(files, device.name, now)
  if (own !== null) {
    throw refused(
      `its driver ${own.driver} is built into the kernel (${own.module}) and has it before udev runs`,
      `${late}; earlier only if the kernel's command line keeps ${own.driver} from all of its devices: initcall_blacklist=FUNCTION, whose name initcall_debug shows in dmesg; in such a boot --early works. vfio-pci.ids= comes too late, and does not tell two cards of one kind apart`,
    )
  }
}

/**
 * Notes on what may have a device before udev runs: the firmware's framebuffer, a built-in driver that cannot be seen
 * now.
 */
export function earlyNotes(files: HostFiles, { device, driver }: DriverBinding): string[] {
  const isNative = driver !== null && !driver.includes('vfio')
  const isUnknown = !isNative && modulesFor(files, device.name)?.length === 0
  return [
    ...displayNotes(files, device),
    ...(isUnknown
      ? [
          `no module of this kernel is for ${device.name}: if a driver that is built in is, it comes first all the same ` +
            `(vfioctl release ${device.name} shows it)`,
        ]
      : []),
  ]
}

function displayNotes(files: HostFiles, device: BusDevice): string[] {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  if (address === null) return []
  const holds = firmwareFramebuffer(files, address) !== null
  if (!holds && isBootDisplay(files, address) !== true) return []
  const what = holds ? 'the firmware’s framebuffer holds its memory' : 'the firmware’s framebuffer may hold its memory'
  return [
    `${shownDevice(device)}: ${what} before udev runs, and the console goes dark when it is taken: ` +
      `${noFramebuffer} on the kernel’s command line (video=efifb:off before Linux 5.15) keeps it free`,
  ]
}
