import { Errno } from '../base/errno.ts'

/** Owners of this machine's IOMMU groups: a group is one owner's at a time, for any number of its devices. */
export class DmaOwners {
  readonly #owners = new Map<string, { readonly owner: object; devices: number }>()

  /** Null if nobody has the group. */
  ownerOf(groupKey: string): object | null {
    return this.#owners.get(groupKey)?.owner ?? null
  }

  /** EPERM if another has the group. Returns how to give it back. */
  claim(groupKey: string, owner: object): () => void {
    const there = this.#owners.get(groupKey)
    if (there !== undefined && there.owner !== owner) throw new Errno('EPERM')
    const claimed = there ?? { owner, devices: 0 }
    claimed.devices++
    this.#owners.set(groupKey, claimed)
    return () => {
      claimed.devices--
      if (claimed.devices === 0) this.#owners.delete(groupKey)
    }
  }
}
