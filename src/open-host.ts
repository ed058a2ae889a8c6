// types first: the implementation is being written
import type { MdevType } from './host/mdev-type.ts'
import type { Warning } from './host/warning.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { Change, ChangeOptions } from './lifecycle/change.ts'
import type { Attribute, StartMode } from './lifecycle/definition.ts'
import type { VirtualDevice } from './lifecycle/virtual-device.ts'

export interface TypeFilter {
  readonly parent?: string
  readonly type?: string
}
export interface DeviceFilter {
  readonly uuid?: string
  readonly parent?: string
  readonly type?: string
  readonly active?: boolean
  readonly defined?: boolean
}
/** Which device: a UUID, and its parent where the UUID is defined under several. */
export interface DeviceChoice {
  readonly uuid: string
  readonly parent?: string
}
export interface DefineRequest {
  /** Made up where absent. Of a running device alone: its type and parent are taken from it. */
  readonly uuid?: string
  readonly parent?: string
  /** By id ('nvidia-222') or by name ('GRID T4-1B'). */
  readonly type?: string
  readonly start?: StartMode
  readonly attributes?: readonly Attribute[]
}
export interface StartRequest {
  readonly uuid?: string
  readonly parent?: string
  readonly type?: string
  readonly attributes?: readonly Attribute[]
}
/** What to change in a definition. Attribute edits name a position; without one, the end of the list. */
export interface ModifyRequest extends DeviceChoice {
  readonly type?: string
  readonly start?: StartMode
  readonly addAttribute?: Attribute & { readonly index?: number }
  readonly removeAttribute?: { readonly index?: number }
  /** Replaces the whole list. */
  readonly attributes?: readonly Attribute[]
}

export interface Host extends AsyncDisposable {
  readonly kernel: Kernel
  types(filter?: TypeFilter): { readonly types: readonly MdevType[]; readonly warnings: readonly Warning[] }
  list(filter?: DeviceFilter): { readonly devices: readonly VirtualDevice[]; readonly warnings: readonly Warning[] }
  define(request: DefineRequest, options?: ChangeOptions): Promise<Change>
  undefine(choice: DeviceChoice, options?: ChangeOptions): Promise<readonly Change[]>
  modify(request: ModifyRequest, options?: ChangeOptions): Promise<Change>
  start(request: StartRequest, options?: ChangeOptions): Promise<Change>
  stop(choice: DeviceChoice, options?: ChangeOptions): Promise<Change>
}
