import { failedWith, systemError } from '../../../../src/base/system-error.ts'
import type { Watch } from '../../../../src/kernel/kernel.ts'
import { Eventfd } from '../../../../src/mock/descriptors/eventfd.ts'
import { watchReadiness } from '../../../../src/mock/descriptors/watch-readiness.ts'
import { decodeIrqSet, type IrqSet } from '../../../../src/uapi/irq.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { type Device, openDevice } from '../../../../src/vfio/device.ts'
import { answerIrq, FakeKernel } from '../fake-kernel.ts'

/** The fake kernel with eventfds, and with SET_IRQS as vfio-pci has it: for many vectors, and for what goes wrong. */
export class IrqKernel extends FakeKernel {
  readonly eventfds = new Map<number, Eventfd>()
  readonly watched = new Set<number>()
  /** Watches that keep the process alive. */
  readonly referenced = new Set<number>()
  /** Every SET_IRQS, as it came. */
  readonly sets: IrqSet[] = []
  /** By index and vector. */
  readonly signals = new Map<string, Eventfd>()
  /** Asked before each SET_IRQS: an errno to fail with, a number to answer. */
  answer: (set: IrqSet) => string | number | null = () => null
  /** Someone else reads the eventfds just before us. */
  readsAreLate = false
  eventfdsLeft = Number.POSITIVE_INFINITY

  constructor() {
    super()
    this.irqs.set(0, answerIrq({ flags: 7, count: 1 }))
    this.irqs.set(1, answerIrq({ flags: 9, count: 32 }))
    this.irqs.set(2, answerIrq({ flags: 1, count: 64 }))
    this.irqs.set(3, answerIrq({ flags: 9, count: 1 }))
    this.irqs.set(4, answerIrq({ flags: 9, count: 1 }))
  }

  openDevice(): Device {
    const device = openDevice(this, { group: 5, name: 'dev' })
    this.calls.length = 0
    return device
  }

  signal(index: number, vector: number): void {
    this.signals.get(`${index}:${vector}`)?.signal()
  }

  override eventfd(): number {
    if (this.eventfdsLeft-- <= 0) throw systemError('EMFILE', 'eventfd')
    const fd = 100 + this.eventfds.size
    this.eventfds.set(fd, new Eventfd(0))
    this.descriptors.set(fd, `eventfd ${fd}`)
    return fd
  }

  override read(fd: number, into: Uint8Array): number {
    const file = this.descriptors.has(fd) ? this.eventfds.get(fd) : undefined
    if (file === undefined) throw systemError('EBADF', 'read')
    try {
      const length = file.read(into)
      if (!this.readsAreLate) return length
    } catch {
      // nothing to read
    }
    throw systemError('EAGAIN', 'read')
  }

  override waitForEventfd(eventfds: Int32Array, first: number, _timeoutMs: number, counter: Float64Array): number {
    const value = new BigUint64Array(1)
    for (let i = 0; i < eventfds.length; i++) {
      const at = (first + i) % eventfds.length
      try {
        this.read(eventfds[at] ?? -1, new Uint8Array(value.buffer))
        counter[0] = Number(value[0])
        return at
      } catch (error) {
        if (!failedWith(error, 'EAGAIN')) throw error
      }
    }
    return -1
  }

  override watch(fd: number, onReadable: () => void): Watch {
    const file = this.descriptors.has(fd) ? this.eventfds.get(fd) : undefined
    if (file === undefined) throw systemError('EBADF', 'epoll_ctl')
    if (this.watched.has(fd)) throw systemError('EEXIST', 'epoll_ctl')
    this.watched.add(fd)
    this.referenced.add(fd)
    const watch = watchReadiness(file.readiness, onReadable)
    return {
      ref: () => {
        watch.ref()
        this.referenced.add(fd)
      },
      unref: () => {
        watch.unref()
        this.referenced.delete(fd)
      },
      close: () => {
        watch.close()
        this.watched.delete(fd)
        this.referenced.delete(fd)
      },
    }
  }

  override ioctl(fd: number, number: number, argument?: Uint8Array | number): number {
    const result = super.ioctl(fd, number, argument)
    if (number !== request.VFIO_DEVICE_SET_IRQS || !(argument instanceof Uint8Array)) return result
    const set = decodeIrqSet(argument)
    this.sets.push(set)
    const answer = this.answer(set)
    if (typeof answer === 'string') throw systemError(answer, 'ioctl')
    if (answer !== null) return answer
    this.#apply(set)
    return 0
  }

  #apply({ index, start, count, action, data }: IrqSet): void {
    if (action !== 'trigger') return
    if (data === null && count === 0) {
      for (const key of this.signals.keys()) if (key.startsWith(`${index}:`)) this.signals.delete(key)
    }
    for (let i = 0; i < count; i++) {
      const key = `${index}:${start + i}`
      if (data === null || 'bools' in data) {
        if (data === null || data.bools[i] === true) this.signals.get(key)?.signal()
      } else {
        const eventfd = this.eventfds.get(data.eventfds[i] ?? -1)
        if (eventfd === undefined) this.signals.delete(key)
        else this.signals.set(key, eventfd)
      }
    }
  }
}
