import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { printable, type Uuid } from '../../base/units.ts'
import { visibleMembers } from '../../host/group-members.ts'
import { whyNotOpen } from '../../host/why-not-open.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { decodeGroupStatus, type GroupStatus, vfioGroupStatus } from '../../uapi/container.ts'
import { request } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { attempt, type Reason } from '../calls/system-call.ts'
import type { Container } from './container.ts'
import { nodePermission, notViableReason } from './open-refusals.ts'
import { vfTokenReasons } from './vf-token.ts'

/** /dev/vfio/N: an IOMMU group, the unit of isolation. One process at a time has it. */
export class Group implements Disposable {
  readonly number: number
  readonly descriptor: Descriptor

  constructor(number: number, descriptor: Descriptor) {
    this.number = number
    this.descriptor = descriptor
  }

  get kernel(): Kernel {
    return this.descriptor.kernel
  }

  /** VFIO_GROUP_GET_STATUS. */
  status(): GroupStatus {
    const bytes = encode(vfioGroupStatus, { argsz: vfioGroupStatus.size })
    attempt(`ask group ${this.number} for its status`, () =>
      this.descriptor.ioctl(request.VFIO_GROUP_GET_STATUS, bytes),
    )
    return decodeGroupStatus(bytes)
  }

  /** VFIO_GROUP_SET_CONTAINER. Throws GROUP_NOT_VIABLE, with the devices in the way, and DEVICE_BUSY. */
  setContainer(container: Container): void {
    const { viable, containerSet } = this.status()
    if (!viable) throw this.#notViable()
    if (containerSet) throw new VfioError('DEVICE_BUSY', `group ${this.number} is in a container already`)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setInt32(0, container.descriptor.fd, kernelOrder)
    attempt(
      `put group ${this.number} into the container`,
      () => this.descriptor.ioctl(request.VFIO_GROUP_SET_CONTAINER, bytes),
      {
        EPERM: () => notViable(this.kernel, this.number),
      },
    )
  }

  /**
   * VFIO_GROUP_GET_DEVICE_FD: a device of the group by its name, a PCI address or an mdev's UUID. Needs a container
   * with its IOMMU set; `vfToken` for a function of an SR-IOV device that asks for one. The caller closes what it gets.
   */
  openDevice(name: string, vfToken: Uuid | null = null): Descriptor {
    if (name === '' || printable(name) !== name) {
      throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' cannot be the name of a device`, {
        hint: `ls ${groupDevices(this.number)}`,
      })
    }
    const text = vfToken === null ? name : `${name} vf_token=${vfToken}`
    const fd = attempt(
      `open device ${name} of group ${this.number}`,
      () => this.descriptor.ioctl(request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${text}\0`)),
      {
        ENODEV: () =>
          whyNotOpen(this.kernel.files, name) ?? {
            code: 'NOT_FOUND',
            because: 'the group has no such device, or VFIO is not its driver',
            hint: `ls ${groupDevices(this.number)}`,
            facts: { devices: visibleMembers(this.kernel.files, this.number).map((member) => member.name) },
          },
        EBUSY: () => ({ code: 'DEVICE_BUSY', because: 'it is in use', hint: `fuser -v ${groupPath(this.number)}` }),
        ...vfTokenReasons(this.kernel.files, name, vfToken),
      },
    )
    return new Descriptor(this.kernel, fd, `device ${name}`)
  }

  /** Idempotent. The kernel takes the group out of its container once no device of it is open either. */
  close(): void {
    this.descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #notViable(): VfioError {
    const { code, because, ...details } = notViable(this.kernel, this.number)
    return new VfioError(code, `cannot use group ${this.number}: ${because}`, details)
  }
}

/**
 * Opens /dev/vfio/N, or /dev/vfio/noiommu-N for devices without an IOMMU. Throws NOT_FOUND, DEVICE_BUSY if anyone has
 * it open, PERMISSION_DENIED.
 */
export function openGroup(kernel: Kernel, number: number, { noiommu = false }: { noiommu?: boolean } = {}): Group {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new VfioError('INVALID_ARGUMENT', `${number} is not the number of an IOMMU group`)
  }
  const path = noiommu ? `/dev/vfio/noiommu-${number}` : groupPath(number)
  const gone = (): Reason => ({
    code: 'NOT_FOUND',
    because: 'there is no such group, or no device of it is bound to a VFIO driver',
    hint: `ls -l ${groupDevices(number)}/*/driver`,
  })
  const fd = attempt(`open group ${number}`, () => kernel.open(path, 'rw'), {
    ENOENT: gone,
    ENODEV: gone,
    ENXIO: gone,
    EBUSY: () => ({ code: 'DEVICE_BUSY', because: 'someone has it open', hint: `fuser -v ${path}` }),
    ...nodePermission(path),
  })
  return new Group(number, new Descriptor(kernel, fd, `group ${number}`))
}

function groupPath(number: number): string {
  return `/dev/vfio/${number}`
}

function groupDevices(number: number): string {
  return `/sys/kernel/iommu_groups/${number}/devices`
}

function notViable({ files }: Kernel, group: number): Reason {
  return (
    notViableReason(files, group) ?? {
      code: 'GROUP_NOT_VIABLE',
      because: 'a device of it is bound to a driver that is not VFIO',
      hint: `ls -l ${groupDevices(group)}/*/driver`,
      facts: { group },
    }
  )
}
