import { VfioError } from '../../base/errors.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { AttachOptions, DeviceAddressSpace } from '../address-space/attachment.ts'
import { closeInOrder, orClose } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { Container, IommuType } from '../group/container.ts'
import { Group, openGroup } from '../group/group.ts'
import { checkGroupIsFree, claimGroup, releaseGroup } from '../group/open-groups.ts'
import type { Entered } from './attachable-space.ts'

interface Member {
  readonly group: Group
  devices: number
}

/**
 * The groups in a container, each open once and shared by its devices. A group leaves with its last device; but the
 * last group of all stays while anything is mapped, as the kernel would take the mappings away with it.
 */
export class ContainerGroups {
  readonly #space: DeviceAddressSpace
  readonly #container: Container
  readonly #iommu: IommuType
  readonly #hasMappings: () => boolean
  readonly #members = new Map<number, Member>()

  constructor(space: DeviceAddressSpace, container: Container, iommu: IommuType, hasMappings: () => boolean) {
    this.#space = space
    this.#container = container
    this.#iommu = iommu
    this.#hasMappings = hasMappings
  }

  /** The kernel translates, or holds what was mapped. */
  get translates(): boolean {
    return this.#members.size > 0
  }

  openDevice({ group: number, name }: DeviceAddress, { vfToken, passed }: AttachOptions): Entered {
    if (number === null) {
      throw new VfioError('NOT_SUPPORTED', `device ${name} is in no IOMMU group, so no container can have it`, {
        hint: "{ iommu: 'iommufd' }, or 'noiommu', if the device has a node of its own in /dev/vfio/devices",
      })
    }
    const member = this.#members.get(number) ?? this.#join(number, passed)
    return orClose([{ close: () => this.leaveUnused() }], () => {
      const descriptor = member.group.openDevice(name, vfToken)
      member.devices++
      // another group may have stayed only for what is mapped
      this.leaveUnused()
      return {
        descriptor,
        leave: () => {
          member.devices--
          this.leaveUnused()
        },
      }
    })
  }

  /** Closes the groups without devices that nothing needs. */
  leaveUnused(): void {
    const unused = [...this.#members.values()].filter(({ devices }) => devices === 0)
    const keepsOne = this.#hasMappings() && unused.length === this.#members.size
    this.#leave(unused.slice(keepsOne ? 1 : 0))
  }

  /** All of them, after their devices. */
  close(): void {
    this.#leave([...this.#members.values()].reverse())
  }

  #join(number: number, passed: Descriptor | undefined): Member {
    const { kernel } = this.#space
    checkGroupIsFree(this.#space, number)
    const group =
      passed === undefined
        ? openGroup(kernel, number, { noiommu: this.#iommu === 'noiommu' })
        : new Group(number, passed)
    return orClose([group], () => {
      group.setContainer(this.#container)
      if (this.#members.size === 0) this.#container.setIommu(this.#iommu)
      const member = { group, devices: 0 }
      this.#members.set(number, member)
      claimGroup(number, { space: this.#space, node: group.descriptor, container: this.#container.descriptor })
      return member
    })
  }

  #leave(members: readonly Member[]): void {
    for (const { group } of members) {
      this.#members.delete(group.number)
      releaseGroup(group.number, this.#space)
    }
    closeInOrder(members.map(({ group }) => group))
  }
}
