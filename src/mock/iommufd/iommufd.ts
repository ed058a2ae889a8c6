import type { IoctlPointer } from '../../kernel/kernel.ts'
import { Errno } from '../base/errno.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'
import type { Machine } from '../machine/machine.ts'
import { addPublished } from '../process/process-holdings.ts'
import type { BoundDevice } from './bound-device.ts'
import type { Command } from './command.ts'
import { containerIoctl } from './compat.ts'
import { Ioas } from './ioas.ts'
import { ioasCommands } from './ioas-commands.ts'
import { type IommufdContext, ObjectTable } from './iommufd-context.ts'
import { MediatedDevice } from './mediated-device.ts'
import { objectCommands } from './object-commands.ts'
import { BoundGroup, PhysicalDevice } from './physical-device.ts'

/** /dev/iommu: address spaces, and the devices bound to it, which keep it after its descriptor is closed. */
export class Iommufd implements OpenFile, IommufdContext {
  readonly link = '/dev/iommu'
  readonly lockPath: string = this.link
  readonly objects: ObjectTable = new ObjectTable()
  readonly #machine: Machine
  readonly #commands: ReadonlyMap<number, Command>
  /** The devices' groups, by their keys. */
  readonly #groups = new Map<string, BoundGroup>()
  /** Its descriptor, the groups that are in it as in a container, and the devices bound to it. */
  #users = 1
  /** The IOAS behind the calls of a container. */
  #compat: Ioas | null = null
  #isNoiommu = false
  #rlimitMode = 0n

  constructor(machine: Machine) {
    this.#machine = machine
    this.#commands = new Map([...ioasCommands(this, machine.fds), ...objectCommands(this, machine.physical)])
  }

  static open(machine: Machine): number {
    return addPublished(machine, new Iommufd(machine))
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    const run = this.#commands.get(request)
    if (run === undefined) return containerIoctl(this, { request, argument, pointers }, this.#machine)
    run(argument, pointers)
    return 0
  }

  close(): void {
    this.leave()
    this.#machine.holdings.publish()
  }

  ioas(id: number): Ioas {
    const ioas = this.objects.get(id)
    if (!(ioas instanceof Ioas)) throw new Errno('ENOENT')
    return ioas
  }

  allocateIoas(): number {
    return this.objects.add(new Ioas(this.#machine.locked, this.#machine.traits.pageSize))
  }

  get compat(): Ioas | null {
    return this.#compat
  }

  set compat(ioas: Ioas | null) {
    this.#compat = ioas
  }

  get isNoiommu(): boolean {
    return this.#isNoiommu
  }

  get rlimitMode(): bigint {
    return this.#rlimitMode
  }

  set rlimitMode(mode: bigint) {
    if ([...this.objects].length > 0) throw new Errno('EBUSY')
    if (mode > 1n) throw new Errno('EINVAL')
    this.#rlimitMode = mode
  }

  /** A group takes it for its container. EINVAL for one with an IOMMU and one without together. */
  enter({ isNoiommu }: { isNoiommu: boolean }): void {
    if (isNoiommu ? this.#compat !== null : this.#isNoiommu) throw new Errno('EINVAL')
    if (isNoiommu) this.#isNoiommu = true
    else this.#compat ??= this.ioas(this.allocateIoas())
    this.#users++
  }

  /** The last user takes all objects with it. */
  leave(): void {
    this.#users--
    if (this.#users > 0) return
    for (const [, object] of this.objects) if (object instanceof Ioas) object.mappings.clear()
  }

  get compatId(): number {
    for (const [id, object] of this.objects) if (object === this.#compat) return id
    throw new Errno('ENODEV')
  }

  /** EPERM if another has its group. */
  bind(groupKey: string, kind: 'mediated' | 'noiommu' | 'translated'): BoundDevice {
    const isTranslated = kind === 'translated'
    const disown = isTranslated ? this.#machine.dmaOwners.claim(groupKey, this) : () => {}
    this.#users++
    if (kind === 'mediated') return new MediatedDevice(this.objects, () => this.leave())
    // one without an IOMMU is alone
    const group = (isTranslated ? this.#groups.get(groupKey) : undefined) ?? new BoundGroup()
    if (isTranslated) this.#groups.set(groupKey, group)
    const release = () => {
      disown()
      this.leave()
    }
    return new PhysicalDevice(this.objects, { group, isNoiommu: kind === 'noiommu', release })
  }
}
