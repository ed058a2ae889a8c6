import type { Kernel } from './kernel/kernel.ts'
import { qemuArguments } from './lifecycle/guest/qemu-arguments.ts'
import type { QemuTopology } from './lifecycle/guest/qemu-topology.ts'
import { deviceToOpen } from './lifecycle/kinds/device-to-open.ts'
import { type RunEnd, type RunOptions, runProgramWith } from './vfio/program/run-program.ts'

/** A program to run, and the place of its devices if it is QEMU. */
export interface ProgramOptions extends RunOptions {
  /** Of the devices in QEMU's arguments; 'ports' unless told. */
  readonly topology?: QemuTopology
}

/**
 * Runs a program with devices by any form of their names; a word '{qemu}' of its command becomes QEMU's arguments for
 * them.
 */
export async function runWithDevices(
  kernel: Kernel,
  devices: readonly string[],
  { topology, ...program }: ProgramOptions,
): Promise<RunEnd> {
  const found = devices.map((device) => deviceToOpen(kernel.files, device))
  const place = topology === undefined ? {} : { topology }
  return runProgramWith(kernel, found, program, async (firstDescriptor) => {
    const opening = firstDescriptor === null ? {} : { iommufd: true, firstDescriptor }
    return qemuArguments(kernel.files, devices, { ...place, ...opening }).arguments
  })
}
