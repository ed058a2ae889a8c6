import { virtualMachineOf } from '../../host/virtual-machine.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type {
  RecordedDevice,
  RecordedDeviceFile,
  RecordedFile,
  RecordedHost,
} from '../../kernel/recording/recorded-host.ts'
import { type GivenNames, namesGiven, withoutGivenNames } from '../doctor/given-names.ts'
import { type Identity, namesOfHost, withoutIdentities } from '../doctor/redacted.ts'
import { withoutSerialNumber } from './serial-number.ts'

/**
 * PCI buses, as a device's address, a root's folder, and a bus of sysfs begin: '0000:3b:00.0', 'pci0000:3a', '0000:3b'.
 */
const pciBus = /(?<![0-9a-f:])([0-9a-f]{4,8}:[0-9a-f]{2})(?=:[0-9a-f]{2}\.[0-7]\b|$|[\s/"'])/g
/** Words of the paths and settings that are looked for on every host. */
const readWords = [
  ...['etc', 'mdevctl', 'vfioctl', 'driverctl', 'modprobe', 'modules', 'initramfs-tools', 'dracut', 'conf'],
  ...['udev', 'rules', 'systemd', 'system', 'security', 'limits', 'pve', 'qemu-server', 'default', 'grub'],
  ...['run', 'nvidia', 'validations', 'usr', 'local', 'lib', 'sbin', 'var', 'log', 'audit', 'modules.alias'],
  ...['boot', 'dev', 'vfio', 'iommufd', 'proc', 'self', 'status', 'driver', 'intel_iommu', 'amd_iommu', 'kernel'],
]
const isCommandLine = /^\/proc\/\d+\/cmdline$/
/** Files that are a serial number. */
const isSerial =
  /\/(?:serial|serial_number|board_serial|product_serial|chassis_serial|wwid|nguid|eui|unique_id|vpd\w*)$/

/**
 * The recording without what tells its host from others. Each address and UUID is replaced by another of the same form
 * everywhere, and their order stays: the recording is read as before.
 */
export function redactedRecording(files: HostFiles, host: RecordedHost): RecordedHost {
  const hostNames = namesOfHost(files).filter((name) => !isOfEveryHost(host, name))
  const named = mapped(host, withoutGivenNames(namesToReplace(files, host)))
  return withOtherIdentities(named, hostNames)
}

function withOtherIdentities(host: RecordedHost, hostNames: readonly string[]): RecordedHost {
  const found: Record<Identity | 'bus', Set<string>> = {
    UUID: new Set(),
    MAC: new Set(),
    ID: new Set(),
    IP: new Set(),
    bus: new Set(),
  }
  // once to find them all, as their order is not known before
  mapped(host, (text) => {
    text.replace(pciBus, (bus) => {
      found.bus.add(bus)
      return bus
    })
    return withoutIdentities(hostNames, text, (kind, it) => {
      found[kind].add(it.toLowerCase())
      return it
    })
  })
  const numbers = (kind: keyof typeof found) => new Map([...found[kind]].sort().map((it, index) => [it, index]))
  const known = {
    UUID: numbers('UUID'),
    MAC: numbers('MAC'),
    ID: numbers('ID'),
    IP: numbers('IP'),
    bus: numbers('bus'),
  }
  return mapped(host, (text) => {
    const others = withoutIdentities(hostNames, text, (kind, it) =>
      other[kind](known[kind].get(it.toLowerCase()) ?? 0, it),
    )
    return others.replace(pciBus, (bus) => otherBus(known.bus.get(bus) ?? 0))
  })
}

const digits = (number: number, length: number) => number.toString(16).padStart(length, '0')

const other: Readonly<Record<Identity, (number: number, found: string) => string>> = {
  UUID: (number) => `00000000-0000-4000-8000-${digits(number + 1, 12)}`,
  MAC: (number) => `02:00:00:${digits(number + 1, 6).replace(/(..)(..)(..)/, '$1:$2:$3')}`,
  ID: (number) => digits(number + 1, 32),
  IP: (number, found) => (found.includes(':') ? `2001:db8::${digits(number + 1, 1)}` : `192.0.2.${(number % 254) + 1}`),
}

/** Buses that follow each other still do. */
function otherBus(number: number): string {
  return `${digits(number >> 8, 4)}:${digits(number & 0xff, 2)}`
}

/** Without those that something else is called, too. */
function namesToReplace(files: HostFiles, host: RecordedHost): GivenNames {
  const commandLines = Object.entries(host.files).filter(([path]) => isCommandLine.test(path))
  const guests = commandLines.flatMap(([, file]) => {
    const text = typeof file === 'string' ? file : (file.text ?? '')
    return virtualMachineOf(text.split('\0'))?.name ?? []
  })
  const { guest, net, user } = namesGiven(files, guests)
  const components = Object.keys(host.files).map((path) => path.split('/'))
  const isOther = (name: string) => {
    return components.some((parts) => parts.some((part, index) => part === name && parts[index - 1] !== 'net'))
  }
  const isFree = (name: string) => !isOfEveryHost(host, name)
  return {
    guest: guest.filter(isFree),
    net: net.filter((name) => !readWords.includes(name) && !isOther(name)),
    user: user.filter(isFree),
  }
}

/** A host may be called as something is in sysfs, or in the names of files that are looked for. */
function isOfEveryHost({ files }: RecordedHost, name: string): boolean {
  return (
    readWords.some((word) => word.includes(name)) ||
    Object.keys(files).some((path) => path.startsWith('/sys/') && path.includes(name))
  )
}

function mapped(host: RecordedHost, change: (text: string) => string): RecordedHost {
  const files = Object.entries(host.files).map(
    ([path, file]) => [change(path), changedFile(path, file, change)] as const,
  )
  return {
    ...host,
    files: Object.fromEntries(files),
    devices: host.devices.map((device) => changedDevice(device, change)),
    unseen: host.unseen.map(({ path, message }) => ({ path: change(path), message: change(message) })),
  }
}

function changedFile(
  path: string,
  file: string | RecordedFile,
  change: (text: string) => string,
): string | RecordedFile {
  const changedText = (text: string) => {
    if (isSerial.test(path) && text.trim() !== '') return 'REDACTED\n'
    return change(isCommandLine.test(path) ? namedGuest(text) : text)
  }
  if (typeof file === 'string') return changedText(file)
  const { text, target, bytes } = file
  return {
    ...file,
    ...(text === undefined ? {} : { text: changedText(text) }),
    ...(target === undefined ? {} : { target: change(target) }),
    ...(bytes === undefined ? {} : { bytes: withoutSerialNumber(Buffer.from(bytes, 'base64')).toString('base64') }),
  }
}

/** Of a command line, the program and the guest that it runs. */
function namedGuest(text: string): string {
  const words = text.split('\0')
  const kept = words.filter(
    (word, index) => index === 0 || [word, words[index - 1]].some((it) => it === '-name' || it === '-uuid'),
  )
  return kept.map((word) => `${word}\0`).join('')
}

function changedDevice({ name, files }: RecordedDevice, change: (text: string) => string): RecordedDevice {
  return {
    name: change(name),
    files: files.map(
      (file): RecordedDeviceFile => ({
        ...file,
        file: change(file.file),
        calls: file.calls.map((call) => (call.name === undefined ? call : { ...call, name: change(call.name) })),
        // the space is read from its beginning, as a whole
        bytes: file.bytes.map(({ at, hex }) => ({
          at,
          hex: withoutSerialNumber(Buffer.from(hex, 'hex')).toString('hex'),
        })),
      }),
    ),
  }
}
