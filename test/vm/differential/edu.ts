import { isSystemError } from '../../../src/base/system-error.ts'
import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'
import { request } from '../../../src/uapi/requests.ts'
import { bindEdu, folderOf, groupOf, names } from './devices.ts'

/** Longest time for an interrupt or a suspension, in milliseconds. */
export const patience = 1000
/** Offsets in BAR 0. */
export const eduStatus = 0x20
const register = { liveness: 0x04, factorial: 0x08, acknowledge: 0x64, source: 0x80 } as const
const computing = 0x01
const config = 7 * 2 ** 40
const status = { at: config + 6, interrupt: 0x08 }
const command = { at: config + 4, memory: 0x2 }

/** Waits until edu has computed a factorial, by whatever reads its status. */
export function computed(status: () => number): void {
  const deadline = performance.now() + 10_000
  while ((status() & computing) !== 0) if (performance.now() > deadline) throw new Error('edu computes for ever')
}

/** Falls asleep some time after it was allowed to: waits for that. On the mock it takes no time. */
export function asleep(files: HostFiles): void {
  const status = `${folderOf('edu')}/power/runtime_status`
  if (files.kind(status) === null) return
  const deadline = performance.now() + patience
  while (files.read(status) !== 'suspended\n' && performance.now() < deadline) {}
}

/** True where INTx is asserted, as the status register of an open device says. */
export function assertsIntx(kernel: Kernel, device: number): boolean {
  const bytes = new Uint8Array(2)
  try {
    kernel.pread(device, bytes, status.at)
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
  return ((bytes[0] ?? 0) & status.interrupt) !== 0
}

/** Nothing resets edu's registers but its power: gives them the values that they began with. */
export async function restoreEdu(kernel: Kernel): Promise<void> {
  await bindEdu(kernel.files)
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  const group = kernel.open(`/dev/vfio/${groupOf(kernel.files, 'edu')}`, 'rw')
  kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, new Uint8Array(Int32Array.of(container).buffer))
  kernel.ioctl(container, request.VFIO_SET_IOMMU, 1)
  const device = kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${names.edu}\0`))
  const write = (at: number, value: number) => kernel.pwrite(device, new Uint8Array(Uint32Array.of(value).buffer), at)
  kernel.pwrite(device, Uint8Array.of(command.memory, 0), command.at)
  write(eduStatus, 0)
  write(register.liveness, 0xffff_ffff)
  // 40! is a multiple of 2^32
  write(register.factorial, 40)
  computed(() => readStatus(kernel, device))
  write(register.acknowledge, 0xffff_ffff)
  kernel.pwrite(device, new Uint8Array(8), register.source)
  for (const fd of [device, group, container]) kernel.close(fd)
}

/** Ones where nothing answers. */
export function readStatus(kernel: Kernel, device: number): number {
  const bytes = new Uint8Array(4)
  kernel.pread(device, bytes, eduStatus)
  return new DataView(bytes.buffer).getUint32(0, true)
}
