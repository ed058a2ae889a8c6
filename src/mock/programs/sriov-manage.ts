import type { HostFiles, ProgramEnd, ProgramRun } from '../../kernel/kernel.ts'
import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciDevices, pciRecord } from '../pci/devices.ts'
import { vfAddresses } from '../scenario/vf-addresses.ts'
import { pciKey } from '../state/state.ts'

/**
 * NVIDIA's script: enables or disables all virtual functions of its GPUs, by having pci-pf-stub in its driver's place
 * meanwhile. The vGPUs there were are gone; who holds the GPU keeps it from its work.
 */
export async function sriovManage(machine: Machine, files: HostFiles, run: ProgramRun): Promise<ProgramEnd> {
  const [option, which, ...more] = run.arguments
  const isEnable = option === '-e'
  if ((!isEnable && option !== '-d') || which === undefined || more.length > 0) {
    return ended(1, 'usage: sriov-manage <-e|-d> <ssss:bb:dd.f|ALL>\n')
  }
  const cards = gpus(machine).filter(({ address }) => which === 'ALL' || address === which.toLowerCase())
  if (cards.length === 0) return ended(1, `No GPU ${which} with SR-IOV\n`)
  const lines: string[] = []
  for (const card of cards) {
    if (isHeld(machine, card)) return ended(1, `${lines.join('')}Cannot obtain unbindLock for ${card.address}\n`)
    lines.push(`${isEnable ? 'Enabling' : 'Disabling'} VFs on ${card.address}\n`)
    await setFunctions(machine, files, card, isEnable)
  }
  return ended(0, lines.join(''))
}

function gpus({ scenario, store }: Machine): PciDevice[] {
  const state = store.read()
  return pciDevices(scenario, state).filter((device) => {
    return device.sriov !== undefined && device.physfn === undefined && pciRecord(state, device).driver === 'nvidia'
  })
}

function isHeld({ store }: Machine, card: PciDevice): boolean {
  const state = store.read()
  const keys = new Set(pciRecord(state, card).vfs.map(pciKey))
  return state.processes.some(({ devices }) => devices.some((key) => keys.has(key)))
}

async function setFunctions({ store }: Machine, files: HostFiles, card: PciDevice, isEnable: boolean): Promise<void> {
  const { address, sriov } = card
  const count = isEnable ? (sriov?.totalVfs ?? 0) : 0
  if (pciRecord(store.read(), card).vfs.length === count) return
  const path = `/sys/bus/pci/devices/${address}`
  await files.write(`${path}/driver/unbind`, address)
  await files.write(`${path}/driver_override`, 'pci-pf-stub')
  await files.write('/sys/bus/pci/drivers_probe', address)
  await files.write(`${path}/sriov_drivers_autoprobe`, '0')
  await files.write(`${path}/sriov_numvfs`, '0')
  if (count > 0) await files.write(`${path}/sriov_numvfs`, String(count))
  await files.write(`${path}/driver/unbind`, address)
  await files.write(`${path}/driver_override`, '\n')
  await files.write('/sys/bus/pci/drivers_probe', address)
  await files.write(`${path}/sriov_drivers_autoprobe`, '1')
  const functions = sriov === undefined ? [] : vfAddresses(address, sriov).slice(0, count)
  for (const vf of functions) await files.write('/sys/bus/pci/drivers/nvidia/bind', vf)
}

function ended(status: number, stdout: string): ProgramEnd {
  return { status, timedOut: false, stdout, stderr: '' }
}
