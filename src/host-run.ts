import type { QemuTopology } from './lifecycle/guest/qemu-topology.ts'
import type { RunOptions } from './vfio/program/run-program.ts'

/** A program to run, and the place of its devices if it is QEMU. */
export interface HostRunOptions extends RunOptions {
  /** Of the devices in QEMU's arguments; 'ports' unless told. */
  readonly topology?: QemuTopology
}
