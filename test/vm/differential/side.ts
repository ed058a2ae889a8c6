import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import { failedWith, isSystemError } from '../../../src/kernel/system-error.ts'
import { vfioIrqSet } from '../../../src/uapi/irq-set.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { vfioIommuType1DmaMap, vfioIommuType1DmaUnmap } from '../../../src/uapi/type1.ts'
import { type Call, type Descriptor, type Target, uuids } from './calls.ts'

/** What a call came to, in words that both kernels can share: descriptors have no number, groups neither. */
export type Outcome = string

const regionStride = 2 ** 40
const eduAddress = '0000:01:00.0'

/** The smallest struct of each call: the addon refuses less before the kernel sees it. */
const structSizes = new Map<number, number>([
  [request.VFIO_GROUP_GET_STATUS, 8],
  [request.VFIO_DEVICE_GET_INFO, 16],
  [request.VFIO_DEVICE_GET_REGION_INFO, 32],
  [request.VFIO_DEVICE_GET_IRQ_INFO, 16],
  [request.VFIO_IOMMU_GET_INFO, 24],
])

interface Opened {
  readonly fd: number
  /** Of a group or a device, whose it is. */
  readonly target: Target | null
}

/** One of the two kernels that a sequence runs on, with what the sequence has opened there. */
export class Side {
  readonly #kernel: Kernel
  readonly #memory: Mapping
  readonly #open: Record<Descriptor, Opened[]> = { container: [], group: [], device: [] }

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this.#memory = kernel.allocateMemory({ size: 16 * 4096, kind: 'anonymous' })
  }

  /** A mediated device of each sample driver, for the whole sequence. */
  async begin(): Promise<void> {
    for (const [parent, type] of [
      ['mtty', 'mtty-2'],
      ['mdpy', 'mdpy-vga'],
    ] as const) {
      await this.#files.write(`/sys/class/mdev_bus/${parent}/mdev_supported_types/${type}/create`, uuidOf(parent))
    }
  }

  async end(): Promise<void> {
    for (const what of ['device', 'group', 'container'] as const) {
      for (const { fd } of this.#open[what].splice(0)) this.#kernel.close(fd)
    }
    for (const uuid of [uuidOf('mtty'), uuidOf('mdpy'), ...uuids]) {
      await this.#files.write(`/sys/bus/mdev/devices/${uuid}/remove`, '1').catch((error: unknown) => {
        if (!failedWith(error, 'ENOENT')) throw error
      })
    }
    this.#memory.close()
  }

  async run(call: Call): Promise<Outcome> {
    try {
      return await this.#run(call)
    } catch (error) {
      if (isSystemError(error)) return error.code
      throw error
    }
  }

  get #files() {
    return this.#kernel.files
  }

  async #run(call: Call): Promise<Outcome> {
    switch (call.kind) {
      case 'open':
        return this.#openNode(call.what)
      case 'close':
        return this.#close(call.what, call.on)
      case 'plain':
        return this.#ioctl(call.what, call.on, call.request, call.value ?? undefined)
      case 'struct':
        return this.#ask(call.what, call.on, call.request, call.words)
      case 'join':
        return this.#ioctl(
          'group',
          call.on,
          request.VFIO_GROUP_SET_CONTAINER,
          int32(this.#fd('container', call.container)),
        )
      case 'device':
        return this.#openDevice(call.on, call.name)
      case 'map': {
        const { flags, iova, size } = call
        const bytes = encode(vfioIommuType1DmaMap, { argsz: 32, flags, iova, size })
        const target = this.#memory.view().subarray(call.page * 4096)
        return this.#ioctl('container', call.on, request.VFIO_IOMMU_MAP_DMA, bytes, [{ offset: 8, target }])
      }
      case 'unmap': {
        const { flags, iova, size } = call
        const bytes = encode(vfioIommuType1DmaUnmap, { argsz: 24, flags, iova, size })
        return `${this.#ioctl('container', call.on, request.VFIO_IOMMU_UNMAP_DMA, bytes)} ${hex(bytes)}`
      }
      case 'irqs': {
        const { flags, index, start, count, data } = call
        const bytes = new Uint8Array(20 + data.length)
        bytes.set(encode(vfioIrqSet, { argsz: bytes.length, flags, index, start, count }))
        bytes.set(data, 20)
        return this.#ioctl('device', call.on, request.VFIO_DEVICE_SET_IRQS, bytes)
      }
      case 'read': {
        const bytes = new Uint8Array(call.length)
        const fd = this.#fd('device', call.on)
        return `${this.#kernel.pread(fd, bytes, call.region * regionStride + call.offset)} ${hex(bytes)}`
      }
      case 'write': {
        const bytes = Uint8Array.from(call.bytes)
        return String(this.#kernel.pwrite(this.#fd('device', call.on), bytes, call.region * regionStride + call.offset))
      }
      case 'create':
        await this.#files.write(
          `/sys/class/mdev_bus/${call.parent}/mdev_supported_types/${call.type}/create`,
          call.text,
        )
        return 'written'
      case 'remove':
        await this.#files.write(`/sys/bus/mdev/devices/${call.uuid}/remove`, call.text)
        return 'written'
      case 'available':
        return this.#files.read(
          `/sys/class/mdev_bus/${call.parent}/mdev_supported_types/${call.type}/available_instances`,
        )
    }
  }

  #openNode(what: 'container' | Target): Outcome {
    const path = what === 'container' ? '/dev/vfio/vfio' : `/dev/vfio/${this.#groupOf(what)}`
    const fd = this.#kernel.open(path, 'rw')
    if (what === 'container') this.#open.container.push({ fd, target: null })
    else this.#open.group.push({ fd, target: what })
    return 'opened'
  }

  #openDevice(on: number, name: Target | 'nonsense'): Outcome {
    const text = name === 'nonsense' ? name : name === 'edu' ? eduAddress : uuidOf(name)
    const fd = this.#kernel.ioctl(this.#fd('group', on), request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${text}\0`))
    this.#open.device.push({ fd, target: name === 'nonsense' ? null : name })
    return 'opened'
  }

  #close(what: Descriptor, on: number): Outcome {
    const list = this.#open[what]
    const [taken] = list.length === 0 ? [] : list.splice(on % list.length, 1)
    if (taken === undefined) return 'nothing to close'
    this.#kernel.close(taken.fd)
    return 'closed'
  }

  #ask(what: Descriptor, on: number, number: number, [argsz = 0, flags = 0, index = 0]: readonly number[]): Outcome {
    const bytes = new Uint8Array(Math.max(argsz, structSizes.get(number) ?? 0))
    const view = new DataView(bytes.buffer)
    for (const [at, word] of [argsz, flags, index].entries()) {
      if (4 * at + 4 <= bytes.length) view.setUint32(4 * at, word, true)
    }
    return `${this.#ioctl(what, on, number, bytes)} ${hex(bytes)}`
  }

  #ioctl(what: Descriptor, on: number, number: number, argument?: Uint8Array | number, pointers = noPointers): Outcome {
    try {
      return String(this.#kernel.ioctl(this.#fd(what, on), number, argument, pointers))
    } catch (error) {
      // The addon's own refusal: this call takes its argument in another form.
      if (error instanceof RangeError || error instanceof TypeError) return 'refused before the call'
      throw error
    }
  }

  /** -1 where nothing of the kind is open: EBADF. */
  #fd(what: Descriptor, on: number): number {
    const list = this.#open[what]
    return on < 0 ? -1 : (list[on % Math.max(list.length, 1)]?.fd ?? unopened)
  }

  #groupOf(target: Target): string {
    const path = target === 'edu' ? `/sys/bus/pci/devices/${eduAddress}` : `/sys/bus/mdev/devices/${uuidOf(target)}`
    return this.#files.readlink(`${path}/iommu_group`).split('/').at(-1) ?? ''
  }
}

const noPointers: readonly { offset: number; target: Uint8Array }[] = []
/** A descriptor that no process of a test reaches. */
const unopened = 1_000_000

function uuidOf(target: 'mtty' | 'mdpy' | 'edu'): string {
  return target === 'mtty' ? '5f000000-0000-4000-8000-00000000000a' : '5f000000-0000-4000-8000-00000000000b'
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
