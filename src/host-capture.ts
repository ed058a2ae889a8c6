import { kernelOrder } from './base/byte-order.ts'
import { VfioError } from './base/errors.ts'
import { systemError } from './base/system-error.ts'
import { shownDevice } from './host/bus/bus-device.ts'
import { deviceName, deviceNameOrNull } from './host/device-name.ts'
import { type FoundGroups, readIommuGroups } from './host/iommu-groups.ts'
import { readPhysicalFunctions } from './host/sriov.ts'
import { listOrNone } from './host/sysfs/readable.ts'
import { unreadable, type Warning } from './host/warning.ts'
import { inspectDevice } from './host-inspection.ts'
import { readTopology } from './host-topology.ts'
import type { HostFiles, Kernel } from './kernel/kernel.ts'
import { recordedFiles } from './kernel/recording/recorded-files.ts'
import type { RecordedDevice, RecordedHost } from './kernel/recording/recorded-host.ts'
import { RecordingKernel } from './kernel/recording/recording-kernel.ts'
import { restoreStatus } from './lifecycle/boot/install.ts'
import { listKeptForBoot } from './lifecycle/boot/kept.ts'
import { redactedRecording } from './lifecycle/capture/redacted-recording.ts'
import { diagnose } from './lifecycle/doctor/diagnose.ts'
import { reportText } from './lifecycle/doctor/report.ts'
import { exportSpec } from './lifecycle/export/export-spec.ts'
import { cdiSpec } from './lifecycle/guest/cdi-spec.ts'
import { libvirtXml } from './lifecycle/guest/libvirt-xml.ts'
import { qemuArguments } from './lifecycle/guest/qemu-arguments.ts'
import { deviceToOpen } from './lifecycle/kinds/device-to-open.ts'
import { readDeviceTypes } from './lifecycle/kinds/device-types.ts'
import { list } from './lifecycle/kinds/list.ts'

/** A host to be recorded: with what VFIO answers of which devices, and with its own names or others. */
export interface CaptureRequest {
  /**
   * Devices to open, as `inspect` does, so that `inspect` can be replayed: none if absent. The kernel resets a device
   * that is opened, and again when it is closed.
   */
  readonly devices?: readonly string[]
  /** Replace what tells this host from others: addresses, UUIDs, serial numbers, names of the host and of users. */
  readonly redact?: boolean
  /** The program that records, such as 'vfioctl 0.1.0'. */
  readonly program?: string
}

/** A recorded host. */
export interface Capture {
  /** A `Scenario`, for `openHost({ mock })`, or as JSON in a file for `--mock FILE`. */
  readonly scenario: CapturedScenario
  /** All that could not be seen, which is in the scenario too. */
  readonly unseen: readonly Warning[]
  /** Devices that VFIO has, and that were not opened. */
  readonly notOpened: readonly string[]
}

/** The scenario of a recorded host: nothing is simulated. */
export interface CapturedScenario {
  readonly name: 'captured'
  readonly modules: Readonly<Record<string, never>>
  readonly pci: readonly never[]
  readonly parents: readonly never[]
  readonly disk: Readonly<Record<string, never>>
  readonly recorded: RecordedHost
}

/** The number of the user that no process should run as, on every host. */
const nobody = '65534'

/** The largest file that a command reads, in bytes. */
const largest = 16 * 2 ** 20

/** Reads all that the reading commands read, once, and remembers it. What may not be read is in `unseen`. */
export function captureHost(kernel: Kernel, { devices = [], redact = false, program }: CaptureRequest): Capture {
  if (kernel.recorded) throw new VfioError('NOT_SUPPORTED', 'this host is a recording already')
  const recording = new RecordingKernel(kernel)
  const unseen: Warning[] = []
  const found = readAll(recording, unseen)
  // what is not there, or not with VFIO, is said before any is opened
  const opened = new Set(devices.map((device) => deviceToOpen(recording.files, device).name))
  const recorded: RecordedDevice[] = []
  for (const device of opened) {
    recording.begin(device)
    try {
      inspectDevice(recording, device)
    } catch (error) {
      if (!(error instanceof VfioError)) throw error
      unseen.push({ path: device, message: `could not be opened: ${error.message}` })
    }
    recorded.push(recording.end())
  }
  unseen.push(...filesUnseen(recording))
  const whole: RecordedHost = {
    program: program ?? null,
    uid: recording.files.uid,
    byteOrder: kernelOrder ? 'little' : 'big',
    ...(recording.askedPageSize === null ? {} : { pageSize: recording.askedPageSize }),
    files: recordedFiles(recording.files.entries),
    devices: recorded,
    unseen: [...new Map(unseen.map((it) => [`${it.path} ${it.message}`, it])).values()],
  }
  const host = redact ? redactedRecording(kernel.files, whole) : whole
  const ofVfio = found.groups.flatMap((group) => group.devices).filter(({ vfio }) => vfio)
  return {
    scenario: checkSize({ name: 'captured', modules: {}, pci: [], parents: [], disk: {}, recorded: host }),
    unseen: host.unseen,
    notOpened: ofVfio.map(({ name }) => name).filter((name) => !opened.has(name)),
  }
}

/** The reading commands, of all there is. Each that cannot answer says so when it is replayed, too. */
function readAll(kernel: RecordingKernel, unseen: Warning[]): FoundGroups {
  const { files } = kernel
  const found = readIommuGroups(files)
  list(files)
  readDeviceTypes(files)
  readPhysicalFunctions(files)
  try {
    // a configuration space that is cut short is no error
    unseen.push(...readTopology(kernel).warnings.filter(({ path }) => path.endsWith('/config')))
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    unseen.push({ path: '/sys/bus/pci/devices/…/config', message: error.message })
  }
  const names = [...found.groups.flatMap(({ devices }) => devices), ...found.withoutGroup].map((device) =>
    device.bus === null || deviceNameOrNull(device.name) !== null
      ? device.name
      : shownDevice({ ...device, bus: device.bus }),
  )
  asked(() => reportText(kernel))
  asked(() => diagnose(kernel, { devices: names, guestMemory: 2 ** 30 }))
  // for any user: of whom, and of whose limits, no more is read
  asked(() => diagnose(kernel, { devices: names, guestMemory: 2 ** 30, user: nobody }))
  asked(() => restoreStatus(files))
  asked(() => listKeptForBoot(files))
  asked(() => exportSpec(files, { adopt: true }))
  const ofVfio = found.groups.flatMap(({ devices }) => devices).filter(({ vfio }) => vfio)
  for (const { name } of ofVfio) {
    asked(() => qemuArguments(files, [name], { iommufd: true, display: true }))
    asked(() => libvirtXml(files, [name], { display: true }))
    asked(() => cdiSpec(files, [name]))
  }
  readNames(files)
  return found
}

/** By interfaces and nodes, people name devices. */
function readNames(files: HostFiles): void {
  for (const name of listOrNone(files, '/sys/class/net')) asked(() => deviceName(files, name))
  const ofNodes = listOrNone(files, '/sys/class').filter((kind) => /^(?:vfio|vfio-dev|drm|block|nvme)$/.test(kind))
  for (const kind of ofNodes) listOrNone(files, `/sys/class/${kind}`)
}

/** Asks for the sake of being recorded. */
function asked(question: () => unknown): void {
  try {
    question()
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
  }
}

/** Files that we may not read. One word for all processes: who holds a device is known of one's own alone. */
function filesUnseen({ files }: RecordingKernel): Warning[] {
  const denied = [...files.entries].flatMap(([path, { error }]) => {
    const [code, , syscall] = error ?? []
    return code === 'EACCES' || code === 'EPERM' ? [{ path, error: systemError(code, syscall ?? 'open', path) }] : []
  })
  const ofProcesses = denied.filter(({ path }) => /^\/proc\/\d+\//.test(path))
  const processes = new Set(ofProcesses.map(({ path }) => path.split('/')[2])).size
  const others = denied.filter((it) => !ofProcesses.includes(it)).map(({ path, error }) => unreadable(path, error))
  if (processes === 0) return others
  return [
    ...others,
    { path: '/proc', message: `${processes} processes of others: whether they have a device open is not seen` },
  ]
}

function checkSize(scenario: CapturedScenario): CapturedScenario {
  const size = Buffer.byteLength(JSON.stringify(scenario, null, 1))
  if (size < largest) return scenario
  throw new VfioError('NOT_SUPPORTED', `what was recorded of this host is too much for one file: ${size} bytes`, {
    facts: { size, limit: largest },
  })
}
