import { Errno } from '../base/errno.ts'
import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciDraft, pciRecord } from '../pci/devices.ts'
import { creatableTypes, isVgpuDriver, setVgpuType } from '../pci/vgpu.ts'
import type { Snapshot } from '../state/state.ts'
import { Directory, type Node, readOnly, type TextFile } from './tree.ts'

/**
 * Files of NVIDIA's own driver beside the types, and what they hold at first; the last drops the last byte of a write.
 * Of a function that is no vGPU, the first two cannot be read: ENXIO (bigstack-oss/cubecos PR 1223, on vGPU 19). The
 * number of a placement is not documented: it stays what it is at first, or what is written.
 */
const attributes = { gpu_instance_id: '0', placement_id: '0', warm_update: '0', vgpu_params: '' } as const

/** The folder nvidia/ of a virtual function whose driver makes vGPUs of it. */
export function* vgpuEntries(machine: Machine, device: PciDevice, state: Snapshot): Generator<readonly [string, Node]> {
  const { store, scenario } = machine
  const { vgpus } = device
  const { driver, unbinding, vgpuType } = pciRecord(state, device)
  if (vgpus === undefined || unbinding || !isVgpuDriver(device, driver)) return
  const folder = new Directory()
  folder.set('creatable_vgpu_types', readOnly(creatableTypes(state, device, vgpus))).set('current_vgpu_type', {
    ...readOnly(`${vgpuType}\n`),
    write: (bytes) => store.update((draft) => setVgpuType(draft, scenario, device.address, bytes)),
  })
  if (vgpus.driverModel === 'proprietary') {
    for (const [name, first] of Object.entries(attributes))
      folder.set(name, attributeFile(machine, device, state, { name, first }))
  }
  yield ['nvidia', folder]
}

function attributeFile(
  { store }: Machine,
  device: PciDevice,
  state: Snapshot,
  { name, first }: { readonly name: string; readonly first: string },
): TextFile {
  const { vgpuType, vgpuAttributes, gpuInstance } = pciRecord(state, device)
  const own = name === 'gpu_instance_id' && gpuInstance !== null ? String(gpuInstance) : first
  const read = () => {
    if (vgpuType === 0 && (name === 'gpu_instance_id' || name === 'placement_id')) throw new Errno('ENXIO')
    return `${vgpuAttributes[name] ?? own}\n`
  }
  const write = (bytes: Buffer) => {
    const text = bytes.toString()
    store.update((draft) => {
      const record = pciDraft(draft, device)
      if (record.vgpuType === 0) throw new Errno('EPERM')
      record.vgpuAttributes[name] = name === 'vgpu_params' ? text.slice(0, -1) : text.replace(/\n$/, '')
    })
  }
  return { ...readOnly(read), write }
}
