import { kernelAnswer, VfioError } from '../../../base/errors.ts'
import { failedWith } from '../../../base/system-error.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import { refusedByKernel } from '../../change/refused-by-kernel.ts'
import { attributeSteps } from '../../definition/attribute-path.ts'
import type { Attribute } from '../../definition/definition.ts'
import { type HeldDevice, withDeviceLock } from '../../device/device-lock.ts'
import { unmarkHalfConfigured } from '../../device/half-configured.ts'
import type { NewDevice } from '../../device/set-up-device.ts'
import { currentTypePath, readCurrentType, type VgpuFunction } from './vgpu-functions.ts'

/** The exact writes that make a function a vGPU: its type's id, then each attribute. */
export function newVgpu(address: PciAddress, type: string, attributes: readonly Attribute[]): NewDevice {
  const path = pciPath(address)
  return {
    name: address,
    path,
    create: { action: 'write', path: currentTypePath(address), value: type },
    attributes: attributeSteps(path, attributes),
    remove: clearStep(address),
    card: path,
  }
}

/** The write that ends a vGPU. */
export function clearStep(address: PciAddress): Write {
  return { action: 'write', path: currentTypePath(address), value: '0' }
}

/** The vGPU as a device whose nodes nobody may have open. */
export function heldVgpu({ address, node, deviceNode }: VgpuFunction, attempt: string): HeldDevice {
  return { name: address, node, deviceNode, attempt }
}

/** Ends a vGPU that nobody has open, keeps everybody out meanwhile, and looks whether it is gone. */
export async function clearVgpu(kernel: Kernel, vgpu: VgpuFunction): Promise<void> {
  const { address } = vgpu
  const { files } = kernel
  const { path, value } = clearStep(address)
  await withDeviceLock(kernel, heldVgpu(vgpu, `cannot stop ${address}`), async () => {
    try {
      await files.write(path, value)
    } catch (error) {
      // it went by itself meanwhile: NVIDIA's driver refuses to end what is not there
      if (readCurrentType(files, address) !== 0) throw clearFailed(address, error)
    }
    unmarkHalfConfigured(files, address)
    const left = readCurrentType(files, address)
    if (left === 0) return
    throw new VfioError('SYSTEM_CALL_FAILED', `${address} accepted type 0 but still reports type ${left}`, {
      path,
      hint: 'a guest that was killed while it started can leave it so; dmesg | tail',
      facts: { device: address, type: left },
    })
  })
}

function clearFailed(address: PciAddress, cause: unknown): VfioError {
  const facts = { device: address }
  if (failedWith(cause, 'EBUSY')) {
    const hint = 'shut down the virtual machine that uses it, then stop again'
    return new VfioError(
      'DEVICE_BUSY',
      `cannot stop ${address}: the driver answers ${kernelAnswer(cause)}: a virtual machine has it`,
      { cause, hint, facts },
    )
  }
  return refusedByKernel(`cannot stop ${address}`, cause, { hint: 'dmesg | tail, for what the driver says', facts })
}
