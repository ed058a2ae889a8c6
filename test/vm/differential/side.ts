import { isSystemError } from '../../../src/base/system-error.ts'
import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import type { KernelVersion } from '../../../src/mock/base/kernel-traits.ts'
import { deviceFeatureFlag, deviceFeatures } from '../../../src/uapi/features.ts'
import { vfioPciHotResetInfo } from '../../../src/uapi/hot-reset.ts'
import { request } from '../../../src/uapi/requests.ts'
import { type Call, type Descriptor, type Target, targets } from './call.ts'
import { Descriptors } from './descriptors.ts'
import { folderOf, groupOf, makeDevices, named, names, removeMdevs } from './devices.ts'
import { asleep, assertsIntx, computed, eduStatus, patience, readStatus, restoreEdu } from './edu.ts'
import { EventfdLoops } from './eventfd-loops.ts'
import { entersLowPower, factorialOf, filledIn, tiesIntx, whyLeftOut } from './left-out.ts'
import { load, store } from './mapped-access.ts'

/** Outcome of a call, in words that both kernels can share: descriptors have no number. */
export type Outcome = string

const regionStride = 2 ** 40
const page = 4096
/** Structs of any request are read as far as they reach. */
const roomForAll = 128
/** Calls that answer with the descriptor of a migration. */
const migrationStates = [deviceFeatureFlag.VFIO_DEVICE_FEATURE_GET, deviceFeatureFlag.VFIO_DEVICE_FEATURE_SET].map(
  (operation) => deviceFeatures['mig-device-state'].id | operation,
)

/** One of the two kernels that a sequence runs on, with what the sequence has opened there. */
export class Side {
  readonly #kernel: Kernel
  readonly #version: KernelVersion
  readonly #memory: Mapping
  readonly #file: Mapping
  readonly #opened: Descriptors
  readonly #loops = new EventfdLoops()
  #eduWasWritten = false
  #signals: readonly number[] = []

  constructor(kernel: Kernel, version: KernelVersion) {
    this.#kernel = kernel
    this.#version = version
    this.#opened = new Descriptors(kernel)
    this.#memory = kernel.allocateMemory({ size: 16 * page, kind: 'anonymous' })
    const words = new DataView(this.#memory.view().buffer)
    // ranges for those who ask for some: of a first and a last address, and of an address and a length
    for (const [at, word] of [0x1000n, 0x3fffn, 0x8000n, 0x8fffn].entries())
      words.setBigUint64(14 * page + 8 * at, word, true)
    for (const [at, word] of [0x1000n, 0x1000n, 0x4000n, 0x2000n].entries())
      words.setBigUint64(15 * page + 8 * at, word, true)
    this.#file = kernel.allocateMemory({ size: 4 * page, kind: 'memfd' })
    this.#opened.keep('memory', this.#file.fd ?? -1)
    for (let nth = 0; nth < 3; nth++) this.#opened.keep('eventfd', kernel.eventfd())
  }

  /** The devices that these calls are about, for the whole sequence. */
  begin(calls: readonly Call[]): Promise<void> {
    return makeDevices(this.#files, calls)
  }

  async end(): Promise<void> {
    this.#opened.closeAll()
    await removeMdevs(this.#files)
    if (this.#eduWasWritten) await restoreEdu(this.#kernel)
    this.#memory.close()
    this.#file.close()
  }

  /** Signals of each eventfd by the last call. */
  get signals(): readonly number[] {
    return this.#signals
  }

  /** An interrupt comes a while after what raises it: waits for those that the other kernel has had. */
  async run(call: Call, awaited: readonly number[] = []): Promise<Outcome> {
    this.#signals = awaited
    const left = this.#whyLeftOut(call)
    if (left !== null) return `left out: ${left}`
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

  #whyLeftOut(call: Call): string | null {
    if (!('on' in call)) return null
    const why = whyLeftOut(call, this.#opened.targetOf(call.on), this.#version)
    if (why !== null || call.kind !== 'ioctl' || call.request !== 'VFIO_DEVICE_SET_IRQS') return why
    const device = this.#opened.fd(call.on)
    if (tiesIntx(call) && this.#opened.targetOf(call.on) === 'edu' && assertsIntx(this.#kernel, device))
      return 'the emulated interrupt controller forgets INTx that was asserted before it is enabled'
    return this.#loops.whyLeftOut(call.argument, (on) => this.#opened.fd(on))
  }

  async #run(call: Call): Promise<Outcome> {
    switch (call.kind) {
      case 'open':
        return 'of' in call ? this.#openOf(call.what, call.of) : this.#keep(call.what, this.#openNode(call.what))
      case 'close':
        return this.#opened.close(call.on) ? 'closed' : 'nothing to close'
      case 'ioctl':
        return this.#ioctl(call)
      case 'get device': {
        const name = Buffer.from(`${this.#named(call.name)}\0`)
        const fd = this.#kernel.ioctl(this.#opened.fd(call.on), request.VFIO_GROUP_GET_DEVICE_FD, name)
        return this.#keep(
          'device',
          fd,
          targets.find((target) => call.name.startsWith(`$${target}`)),
        )
      }
      case 'pread': {
        const bytes = new Uint8Array(call.length)
        const count = this.#kernel.pread(this.#opened.fd(call.on), bytes, call.region * regionStride + call.offset)
        return `${count} ${hex(filledIn(bytes, this.#opened.targetOf(call.on), call.region, call.offset))}`
      }
      case 'pwrite': {
        const bytes = Buffer.from(call.bytes, 'hex')
        const count = this.#kernel.pwrite(this.#opened.fd(call.on), bytes, call.region * regionStride + call.offset)
        if (call.region === 0 && this.#opened.targetOf(call.on) === 'edu')
          this.#wroteTo(call, () => readStatus(this.#kernel, this.#opened.fd(call.on)))
        return `${count} ${this.#signalled()}`
      }
      case 'mmap':
        return this.#map(call)
      case 'munmap':
        return this.#opened.unmap(call.nth) ? 'unmapped' : 'nothing to unmap'
      case 'load':
      case 'store':
        return this.#access(call)
      case 'read': {
        const bytes = new Uint8Array(call.length)
        return `${this.#kernel.read(this.#opened.fd(call.on), bytes)} ${hex(bytes)}`
      }
      case 'write':
        return `${this.#kernel.write(this.#opened.fd(call.on), Buffer.from(call.bytes, 'hex'))} ${this.#signalled()}`
      case 'file':
        return this.#look(this.#named(call.path), call.how)
      case 'file write': {
        const path = this.#named(call.path)
        if (this.#wouldWait(path)) return 'left out: it would wait for what is open'
        await this.#files.write(path, this.#named(call.text))
        return 'written'
      }
    }
  }

  #openNode(what: 'container' | 'iommufd'): number {
    return this.#kernel.open(what === 'container' ? '/dev/vfio/vfio' : '/dev/iommu', 'rw')
  }

  #openOf(what: 'group' | 'device', target: Target): Outcome {
    if (what === 'group')
      return this.#keep(what, this.#kernel.open(`/dev/vfio/${groupOf(this.#files, target)}`, 'rw'), target)
    const [name = 'none'] = this.#files.list(`${folderOf(target)}/vfio-dev`)
    return this.#keep(what, this.#kernel.open(`/dev/vfio/devices/${name}`, 'rw'), target)
  }

  #keep(what: Descriptor, fd: number, target?: Target): Outcome {
    this.#opened.keep(what, fd, target)
    return 'opened'
  }

  #ioctl(call: Extract<Call, { kind: 'ioctl' }>): Outcome {
    const { request: name, number, on, argument } = call
    if (argument === null || typeof argument === 'number') {
      return String(this.#kernel.ioctl(this.#opened.fd(on), number, argument ?? undefined))
    }
    const given = Buffer.from(argument.bytes, 'hex')
    const bytes = new Uint8Array(Math.max(given.length, roomForAll))
    bytes.set(given)
    const view = new DataView(bytes.buffer)
    for (const { at, fd } of argument.fds) view.setInt32(at, this.#opened.fd(fd), true)
    const before = bytes.slice()
    const pointers = argument.pages.map(({ at, page: nth }) => ({ offset: at, target: this.#page(nth) }))
    let result: string
    try {
      result = String(this.#kernel.ioctl(this.#opened.fd(on), number, bytes, pointers))
    } catch (error) {
      if (!isSystemError(error)) throw error
      result = error.code
    }
    // descriptors that were given are as they were
    for (const { at } of argument.fds) if (view.getInt32(at, true) === int32(before, at)) view.setInt32(at, 0, true)
    if (result === '0' && name === 'VFIO_DEVICE_FEATURE') this.#keepStream(view)
    if (result === '0' && entersLowPower(call)) asleep(this.#files)
    if (result === '0' && number === request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) this.#hideGroup(view)
    const written = pointers.map(({ target }) => hex(target.subarray(0, 64)))
    return [result, hex(bytes), ...written, this.#signalled()].join(' ')
  }

  #map({ on, region, page: first, pages, access }: Extract<Call, { kind: 'mmap' }>): Outcome {
    const offset = region * regionStride + first * page
    const mapping = this.#kernel.mmap(this.#opened.fd(on), { offset, length: pages * page, access })
    this.#opened.keepMapped({ mapping, target: this.#opened.targetOf(on), region, from: first * page, access })
    return `mapped ${mapping.length}`
  }

  /** One load or store of what is mapped. Where it is not mapped so, both kernels' mappings say it themselves. */
  #access(call: Extract<Call, { kind: 'load' | 'store' }>): Outcome {
    const mapped = this.#opened.mapped(call.nth)
    if (mapped === undefined) return 'nothing is mapped'
    const { mapping, target, region, from } = mapped
    const left = whyLeftOut(call, target, this.#version)
    if (left !== null) return `left out: ${left}`
    try {
      if (call.kind === 'load') return String(load(mapping, call))
      store(mapping, call)
    } catch (error) {
      if (error instanceof RangeError || error instanceof TypeError) return error.name
      throw error
    }
    if (target === 'edu' && region === 0 && from === 0) this.#wroteTo(call, () => mapping.read32(eduStatus))
    return `stored ${this.#signalled()}`
  }

  #wroteTo(call: Call, status: () => number): void {
    this.#eduWasWritten = true
    if (factorialOf(call) !== null) computed(status)
  }

  /** The descriptor of a migration that is in an answer, under no number. */
  #keepStream(answer: DataView): void {
    const flags = answer.getUint32(4, true)
    const fd = answer.getInt32(12, true)
    if (!migrationStates.includes(flags) || fd < 0) return
    this.#keep('stream', fd)
    answer.setInt32(12, 0, true)
  }

  /** Machines number their groups as they find them: that of edu is under no number, where it stands alone. */
  #hideGroup(answer: DataView): void {
    const group = vfioPciHotResetInfo.size
    if (answer.getUint32(group, true) === Number(groupOf(this.#files, 'edu'))) answer.setUint32(group, 0, true)
  }

  #look(path: string, how: 'read' | 'list' | 'link'): Outcome {
    if (how === 'read') return JSON.stringify(this.#files.read(path))
    if (how === 'link') return this.#files.readlink(path)
    return this.#files.list(path).sort().join(' ')
  }

  /** The counters of the eventfds, which are 0 again. */
  #signalled(): string {
    const { eventfds } = this.#opened
    const awaited = this.#signals
    const counts = new Array<number>(eventfds.length).fill(0)
    const counter = new Float64Array(1)
    for (;;) {
      const isLate = counts.some((count, at) => count < (awaited[at] ?? 0))
      const at = eventfds.length === 0 ? -1 : this.#kernel.waitForEventfd(eventfds, 0, isLate ? patience : 0, counter)
      if (at < 0) break
      counts[at] = (counts[at] ?? 0) + (counter[0] ?? 0)
    }
    this.#signals = counts
    return `signalled ${counts.join(',')}`
  }

  #page(nth: number): Uint8Array {
    return this.#memory.view().subarray(nth * page)
  }

  /** Taking away a device that is open never returns. */
  #wouldWait(path: string): boolean {
    if (path.endsWith('/unbind')) return this.#opened.isOpen('edu')
    return path.endsWith('/remove') && targets.some((it) => path.includes(names[it]) && this.#opened.isOpen(it))
  }

  #named(text: string): string {
    return named(this.#files, text)
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer).getInt32(at, true)
}

/** Without the zeros at the end. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(00)+$/, '')
}
