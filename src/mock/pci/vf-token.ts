import { Errno } from '../base/errno.ts'
import type { Feature } from '../sdk/feature.ts'
import { type MockState, pciKey } from '../state/state.ts'
import type { StateStore } from '../state/state-store.ts'
import { type PciDevice, pciDraft, pciRecord } from './devices.ts'

/** Hex digits of a token's 16 bytes. */
type Token = string

/**
 * Checks what vfio-pci asks of whoever opens an SR-IOV function: of a virtual one the token of its physical one, if
 * vfio-pci has that too; of the physical one the same, once a virtual one is open, and before that the token is what it
 * says. EACCES for another token or none; EINVAL for a token if there is nothing to compare it with.
 */
export function checkVfToken(draft: MockState, device: PciDevice, token: Token | null): void {
  const physfn = device.physfn === undefined ? undefined : draft.pci[device.physfn]
  if (physfn?.driver === 'vfio-pci') {
    if (token === null || token !== physfn.vfToken) throw new Errno('EACCES')
  } else if (device.sriov !== undefined) {
    const { vfs, vfToken } = pciRecord(draft, device)
    const opened = new Set(draft.processes.flatMap((process) => process.opened))
    if (!vfs.some((vf) => opened.has(pciKey(vf)))) {
      if (token !== null) pciDraft(draft, device).vfToken = token
    } else if (token !== vfToken) throw new Errno('EACCES')
  } else if (token !== null) throw new Errno('EINVAL')
}

/** VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, by its number: a physical function is told the token. */
export function vfTokenFeature(store: StateStore, device: PciDevice): ReadonlyMap<number, Feature> {
  if (device.sriov === undefined) return new Map()
  const set = (data: Uint8Array) => {
    store.update((draft) => {
      pciDraft(draft, device).vfToken = Buffer.from(data.subarray(0, 16)).toString('hex')
    })
    return 0
  }
  return new Map([[0, { size: 16, set }]])
}

/** A device's name as VFIO_GROUP_GET_DEVICE_FD takes it of a PCI device: the address, and perhaps ' vf_token=UUID'. */
export function splitVfToken(text: string): { readonly name: string; readonly token: Token | null } {
  const [name = '', ...options] = text.split(' ')
  let token: Token | null = null
  for (const option of options.filter((word) => word !== '')) {
    const [, uuid] = /^vf_token=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.exec(option) ?? []
    if (uuid === undefined || token !== null) throw new Errno('EINVAL')
    token = uuid.replaceAll('-', '').toLowerCase()
  }
  return { name, token }
}
