import { VfioError } from '../../base/errors.ts'
import { type Uuid, uuidBytes } from '../../base/units.ts'
import { type DeviceAddress, findDeviceNode } from '../../host/device-node.ts'
import { visibleMembers } from '../../host/group-members.ts'
import { whyNotOpen } from '../../host/why-not-open.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import {
  bindIommufdFlag,
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
} from '../../uapi/device.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import type { AttachOptions } from '../address-space/attachment.ts'
import { orClose } from '../calls/close-in-order.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { attempt, type Reason } from '../calls/system-call.ts'
import { nodePermission, notViableReason } from '../group/open-refusals.ts'
import { vfTokenReasons } from '../group/vf-token.ts'
import type { Entered } from './attachable-space.ts'
import type { Ioas } from './iommufd.ts'

const users = 'fuser -v /dev/vfio/* /dev/vfio/devices/*'

/** Options for opening a device by its own node. */
interface NodeOptions extends AttachOptions {
  /** There is no IOMMU behind the device. */
  readonly noiommu: boolean
}

/** Opens a device by its own node, binds it to iommufd, and attaches it to the address space. */
export function openIommufdDevice(
  kernel: Kernel,
  ioas: Ioas,
  address: DeviceAddress,
  { noiommu, vfToken, passed }: NodeOptions,
): Entered {
  const descriptor = passed ?? openNode(kernel, address, noiommu)
  return orClose([descriptor], () => {
    bind(kernel, descriptor, ioas, address, vfToken)
    attachDevice(descriptor, ioas)
    // held first, so it is done last of all before the device is closed
    descriptor.hold({ close: () => detachDevice(descriptor) })
    return { descriptor, leave: () => {} }
  })
}

/** Opens a device's own node. NOT_SUPPORTED if it has none of that kind. */
export function openNode(kernel: Kernel, address: DeviceAddress, noiommu: boolean): Descriptor {
  const { name } = address
  const node = findDeviceNode(kernel.files, address)
  if (node === null || node.noiommu !== noiommu) throw noNode(address, node !== null)
  const gone = (): Reason => ({ code: 'NOT_FOUND', because: 'the device is gone', hint: 'vfioctl list' })
  const fd = attempt(`open device ${name}`, () => kernel.open(node.path, 'rw'), {
    ENOENT: gone,
    ENODEV: gone,
    ENXIO: gone,
    ...(noiommu ? rawAccess() : nodePermission(node.path)),
  })
  return new Descriptor(kernel, fd, `device ${name}`)
}

/** VFIO_DEVICE_BIND_IOMMUFD: before it, the descriptor answers nothing else. */
function bind(kernel: Kernel, device: Descriptor, ioas: Ioas, address: DeviceAddress, vfToken: Uuid | null): void {
  const bytes = encode(vfioDeviceBindIommufd, {
    argsz: vfioDeviceBindIommufd.size,
    flags: vfToken === null ? 0 : bindIommufdFlag.VFIO_DEVICE_BIND_FLAG_TOKEN,
    iommufd: ioas.iommufd.fd,
  })
  const token =
    vfToken === null ? [] : [{ offset: vfioDeviceBindIommufd.fields.token_uuid_ptr[0], target: uuidBytes(vfToken) }]
  const inUse = (): Reason => busyReason(kernel, address)
  attempt(`bind ${device.what} to iommufd`, () => device.ioctl(requests.VFIO_DEVICE_BIND_IOMMUFD, bytes, token), {
    EBUSY: inUse,
    // what was passed is right: another descriptor of the device is bound
    EINVAL: inUse,
    EPERM: () => deniedReason(kernel, address),
    ENODEV: () =>
      whyNotOpen(kernel.files, address.name) ?? {
        code: 'NOT_FOUND',
        because: 'the device is gone',
        hint: 'vfioctl list',
      },
    ...vfTokenReasons(kernel.files, address.name, vfToken),
  })
}

/** VFIO_DEVICE_ATTACH_IOMMUFD_PT: a device that is attached already is moved, in one step. */
export function attachDevice(device: Descriptor, ioas: Ioas): void {
  const bytes = encode(vfioDeviceAttachIommufdPt, { argsz: vfioDeviceAttachIommufdPt.size, pt_id: ioas.id })
  attempt(
    `attach ${device.what} to the address space`,
    () => device.ioctl(requests.VFIO_DEVICE_ATTACH_IOMMUFD_PT, bytes),
    {
      EADDRINUSE: () => ({
        code: 'IOVA_RESERVED',
        because: 'something is mapped where this device has reserved addresses',
        hint: 'open every device before mapping',
      }),
    },
  )
}

/** VFIO_DEVICE_DETACH_IOMMUFD_PT: nothing happens if it is detached already. */
export function detachDevice(device: Descriptor): void {
  const bytes = encode(vfioDeviceDetachIommufdPt, { argsz: vfioDeviceDetachIommufdPt.size })
  attempt(`detach ${device.what}`, () => device.ioctl(requests.VFIO_DEVICE_DETACH_IOMMUFD_PT, bytes))
}

function busyReason({ files }: Kernel, { group }: DeviceAddress): Reason {
  const busy: Reason = { code: 'DEVICE_BUSY', because: 'someone has it open, or its group', hint: users }
  return (group === null ? null : notViableReason(files, group)) ?? busy
}

/** The kernel gives the same errno if the group is another's and if interrupts are not isolated. */
function deniedReason({ files }: Kernel, { group, name }: DeviceAddress): Reason {
  const unsafe = 'the IOMMU does not isolate interrupts, and the kernel does not allow that'
  const notViable = group === null ? null : notViableReason(files, group)
  if (notViable !== null) return notViable
  const siblings = group === null ? [] : visibleMembers(files, group).filter((it) => it.vfio && it.name !== name)
  if (siblings.length === 0) {
    return {
      code: 'PERMISSION_DENIED',
      because: unsafe,
      hint: 'echo 1 > /sys/module/iommufd/parameters/allow_unsafe_interrupts, if every guest is trusted',
    }
  }
  const names = siblings.map((it) => it.name)
  return {
    code: 'DEVICE_BUSY',
    because: `someone else has a device of its group (${names.join(', ')}), or ${unsafe}`,
    hint: users,
    facts: { group, siblings: names },
  }
}

function noNode({ name }: DeviceAddress, hasOther: boolean): VfioError {
  const why = hasOther ? 'its node in /dev/vfio/devices is of the other kind' : 'it has no node in /dev/vfio/devices'
  return new VfioError('NOT_SUPPORTED', `cannot open device ${name} through iommufd: ${why}`, {
    hint: 'a kernel from 6.6 on with CONFIG_VFIO_DEVICE_CDEV has one for each device on a VFIO driver',
    facts: { device: name },
  })
}

function rawAccess(): Readonly<Record<string, () => Reason>> {
  const denied = (): Reason => ({
    code: 'PERMISSION_DENIED',
    because: 'a device without an IOMMU can reach all memory, so it takes CAP_SYS_RAWIO',
    hint: 'run as root',
  })
  return { EACCES: denied, EPERM: denied }
}
