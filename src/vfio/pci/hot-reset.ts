import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { boundDriver } from '../../host/group-members.ts'
import {
  type DependentDevice,
  decodeHotResetInfo,
  encodeHotReset,
  vfioPciDependentDevice,
  vfioPciHotResetInfo,
} from '../../uapi/hot-reset.ts'
import { request } from '../../uapi/requests.ts'
import { decode, encodeInto } from '../../uapi/struct.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { attemptLater, callFailed, type Reason } from '../calls/system-call.ts'
import { groupDescriptor } from '../group/open-groups.ts'

/** A bus has 256 functions at most, with ARI; a slot fewer. */
const maxDevices = 256

/** A device that is reset together with another, as they share a bus or a slot. */
export interface AffectedDevice {
  /** A PCI address. */
  readonly name: string
  /**
   * The number of its IOMMU group; null if the kernel does not say, as of devices that were opened by their own nodes.
   */
  readonly group: number | null
  /** This process has it: its group is open here, or iommufd allows nobody else to have it. */
  readonly owned: boolean
}

/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: the device itself, and those beside it. Throws NOT_SUPPORTED. */
export function affectedByHotReset(device: Descriptor): readonly AffectedDevice[] {
  const affected = callForDependents(device)
  return affected.map(({ address, group, owned }) => ({
    name: address,
    group,
    owned: owned ?? (group !== null && groupDescriptor(device.kernel, group) !== null),
  }))
}

/**
 * VFIO_DEVICE_PCI_HOT_RESET, off the event loop: a reset of the bus or slot, which takes a second or more. Throws
 * NOT_SUPPORTED if there is none, or virtual functions are on the bus; DEVICE_BUSY with those beside it that this
 * process does not have.
 */
export async function hotReset(device: Descriptor): Promise<void> {
  const goal = `reset the bus of ${device.what}`
  const affected = affectedByHotReset(device)
  const virtual = affected.filter(
    ({ name }) => device.kernel.files.kind(`/sys/bus/pci/devices/${name}/physfn`) !== null,
  )
  if (virtual.length > 0) throw hasFunctions(goal, virtual)
  const others = affected.filter(({ owned }) => !owned)
  if (others.length > 0) throw notOwned(goal, device, affected, others)
  const groups = new Set(affected.flatMap(({ group }) => group ?? []))
  const fds = [...groups].flatMap((group) => groupDescriptor(device.kernel, group)?.fd ?? [])
  // a group that is closed meanwhile is refused by the kernel, whatever file has its number then
  const reset = encodeHotReset(fds)
  await attemptLater(goal, () => device.kernel.ioctlAsync(device.fd, request.VFIO_DEVICE_PCI_HOT_RESET, reset), {
    ENODEV: () => noHotReset,
    EINVAL: () => withOtherDriver(device, affected),
    ENOTTY: () => ({
      code: 'SYSTEM_CALL_FAILED',
      because: 'what is on the bus did not answer in time afterwards',
      hint: 'dmesg | tail',
    }),
    EBUSY: () => ({ code: 'DEVICE_BUSY', because: 'a device of it is being accessed', hint: 'try again' }),
    EAGAIN: () => ({
      code: 'DEVICE_BUSY',
      because: 'the kernel has it locked for something else',
      hint: 'try again',
    }),
  })
}

/** First without room for any, as the kernel then says how many there are. */
function callForDependents(device: Descriptor): readonly DependentDevice[] {
  const goal = `ask what a reset of the bus of ${device.what} resets`
  let room = 0
  for (;;) {
    const bytes = new Uint8Array(vfioPciHotResetInfo.size + room * vfioPciDependentDevice.size)
    encodeInto(vfioPciHotResetInfo, bytes, { argsz: bytes.length })
    try {
      device.ioctl(request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, bytes)
      return decodeHotResetInfo(bytes)
    } catch (error) {
      const { count } = decode(vfioPciHotResetInfo, bytes)
      // EAGAIN: there is one more than a moment ago
      const grown = failedWith(error, 'EAGAIN') ? room + 1 : failedWith(error, 'ENOSPC') ? count : 0
      if (grown > maxDevices || grown <= room) {
        throw callFailed(goal, error, {
          ENODEV: () => noHotReset,
          ENOTTY: () => noHotReset,
          EPERM: () => ({ code: 'NOT_SUPPORTED', because: 'a device beside it is in no IOMMU group' }),
        })
      }
      room = grown
    }
  }
}

/** The kernel never resets a bus that has any, whoever has them. */
function hasFunctions(goal: string, virtual: readonly AffectedDevice[]): VfioError {
  const names = virtual.map(({ name }) => name)
  return new VfioError('NOT_SUPPORTED', `cannot ${goal}: it has virtual functions: ${names.join(', ')}`, {
    hint: 'echo 0 > /sys/bus/pci/devices/ADDRESS/sriov_numvfs, of the physical function',
    facts: { virtualFunctions: names },
  })
}

function notOwned(
  goal: string,
  device: Descriptor,
  affected: readonly AffectedDevice[],
  others: readonly AffectedDevice[],
): VfioError {
  const { files } = device.kernel
  const list = others.map(({ name, group }) => {
    const driver = boundDriver(files, `/sys/bus/pci/devices/${name}/driver`)
    const where = group === null ? '' : ` of group ${group}`
    return `${name}${where} (${driver === null ? 'without a driver' : `with ${driver}`})`
  })
  const which =
    others.length === 1 ? 'is reset with it, and is not open here' : 'are reset with it, and are not open here'
  return new VfioError('DEVICE_BUSY', `cannot ${goal}: ${list.join(', ')} ${which}`, {
    hint: 'open those too: with vfio-pci, and in the same address space if iommu is iommufd',
    facts: {
      affected: affected.map(({ name, group, owned }) => ({ name, group, owned })),
      siblings: others.map(({ name }) => name),
    },
  })
}

/** The groups are all here, and still the kernel says no: what is reset must be with vfio-pci, every one. */
function withOtherDriver({ kernel }: Descriptor, affected: readonly AffectedDevice[]): Reason {
  const found = affected.map(({ name }) => ({
    name,
    driver: boundDriver(kernel.files, `/sys/bus/pci/devices/${name}/driver`),
  }))
  const other = found.filter(({ driver }) => driver?.includes('vfio') !== true)
  if (other.length === 0) return { code: 'DEVICE_BUSY', because: 'someone else has a device of it' }
  const list = other.map(({ name, driver }) => `${name} is with ${driver ?? 'no driver'}`)
  return {
    code: 'DEVICE_BUSY',
    because: `${list.join(', ')}, not with vfio-pci`,
    hint: 'give every device of the bus to vfio-pci',
    facts: { siblings: found },
  }
}

const noHotReset = {
  code: 'NOT_SUPPORTED',
  because: 'neither its slot nor its bus can be reset, as of a device on a root bus',
  hint: 'lspci -t: it takes a bridge or a root port above the device',
} as const satisfies Reason
