import { kernelAnswer } from '../../../base/errors.ts'
import { builtInDriver, nativeModules } from '../../../host/built-in-driver.ts'
import { devicePath } from '../../../host/bus/bus-device.ts'
import { boundDriver } from '../../../host/group-members.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { loadInWords, loadsBeforeUdev } from '../../bindings/before-udev.ts'
import { earlyDevices } from '../../bindings/early-devices.ts'
import { ruleFile, unfinishedFile } from '../../early/early-files.ts'
import type { EarlyDevice } from '../../early/early-rule.ts'
import { type EarlyPlan, planEarly } from '../../early/plan-early.ts'
import { pathOf } from '../../files/durable-files.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Devices that are kept to have their drivers before any other driver sees them, and will not at the next boot. */
export function notEarly({ files }: HostReader): Finding[] {
  const devices = earlyDevices(files)
  if (devices.length === 0) return []
  const why = faultOf(files, devices)
  return [
    ...(why === null ? [] : [finding(files, devices, why)]),
    ...devices.flatMap(({ address }) => [...builtInFindings(files, address), ...beforeUdev(files, address)]),
  ]
}

function faultOf(files: HostFiles, devices: readonly EarlyDevice[]): string | null {
  try {
    const plan = planEarly(files, devices, false)
    const [changed] = plan.files
    if (changed !== undefined) {
      return `${pathOf(changed.file)} is ${changed.now === null ? 'not there' : 'not as it would be written now'}`
    }
    if (plan.isUnfinished) return `a change was ended before its end (${pathOf(unfinishedFile)})`
    return isOlder(files, plan) ? `${plan.initramfs?.image} is older than ${pathOf(ruleFile)}` : null
  } catch (error) {
    return kernelAnswer(error)
  }
}

function isOlder(files: HostFiles, { initramfs }: EarlyPlan): boolean {
  const image = initramfs?.image ?? null
  return image !== null && files.modified(image) < files.modified(pathOf(ruleFile))
}

function finding(files: HostFiles, devices: readonly EarlyDevice[], why: string): Finding {
  const [first] = devices
  const names = devices.map(({ address }) => address).join(', ')
  return {
    id: 'early-not-set-up',
    severity: 'warning',
    device: devices.length === 1 ? (first?.address ?? null) : null,
    message: `${names} may not have ${devices.length === 1 ? 'its driver' : 'their drivers'} early at the next boot: ${why}`,
    evidence: [seen(pathOf(ruleFile), files.kind(pathOf(ruleFile)) === null ? null : 'a udev rule')],
    consequence: 'another driver may come first, until restore takes the device from it',
    commands: [`vfioctl bind ${first?.address} --early`],
    advice: null,
  }
}

/** The rule counts only once udev runs. */
function beforeUdev(files: HostFiles, address: string): Finding[] {
  const driver = boundDriver(files, `${devicePath({ bus: 'pci', name: address })}/driver`)
  return loadsBeforeUdev(files, nativeModules(files, driver)).map((load) => ({
    id: 'early-driver-first',
    severity: 'warning',
    device: address,
    message: loadInWords(load, address),
    evidence: [seen(load.place, load.text)],
    consequence: 'it is bound late, once the root file system is there',
    commands: [],
    advice: load.mend,
  }))
}

/** As after an update of the kernel. */
function builtInFindings(files: HostFiles, address: string): Finding[] {
  const own = builtInDriver(files, address, null)
  if (own === null) return []
  return [
    {
      id: 'early-driver-built-in',
      severity: 'warning',
      device: address,
      message: `the driver ${own.driver} of ${address} is built into this kernel, and has it before udev runs`,
      evidence: [seen(`/sys/module/${own.module}/drivers`, `pci:${own.driver}`)],
      consequence: 'it is bound late, once the root file system is there',
      commands: [],
      advice: `on the kernel's command line, initcall_blacklist=FUNCTION keeps ${own.driver} from all of its devices; initcall_debug shows the name in dmesg`,
    },
  ]
}
