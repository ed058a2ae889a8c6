/** Mediated devices by their driver, and a PCI device that can be reset. */
export const targets = ['mtty', 'mdpy', 'edu'] as const
export type Target = (typeof targets)[number]

export type Descriptor = 'container' | 'iommufd' | 'group' | 'device' | 'stream' | 'eventfd' | 'memory'

/**
 * One of the descriptors of a kind that a sequence has opened so far, modulo their count, so that every number is some
 * descriptor; below 0, none.
 */
export interface On {
  readonly what: Descriptor
  readonly nth: number
}

/** The struct that an ioctl is given. */
export interface Struct {
  /** In hex; as many as its argsz says, where it has one. */
  readonly bytes: string
  /** Descriptors that stand in it. */
  readonly fds: readonly { readonly at: number; readonly fd: On }[]
  /** Pages of the process that pointers in it lead to. */
  readonly pages: readonly { readonly at: number; readonly page: number }[]
}

export type Width = 8 | 16 | 32 | 64

/** One call, legal or not. Paths have `$mtty`, `$edu` for a device's name, `$(edu)` for the number of its group. */
export type Call =
  | { readonly kind: 'open'; readonly what: 'container' | 'iommufd' }
  | { readonly kind: 'open'; readonly what: 'group' | 'device'; readonly of: Target }
  | { readonly kind: 'close'; readonly on: On }
  | {
      readonly kind: 'ioctl'
      readonly request: string
      readonly number: number
      readonly on: On
      readonly argument: Struct | number | null
    }
  | { readonly kind: 'get device'; readonly on: On; readonly name: string }
  | {
      readonly kind: 'pread'
      readonly on: On
      readonly region: number
      readonly offset: number
      readonly length: number
    }
  | {
      readonly kind: 'pwrite'
      readonly on: On
      readonly region: number
      readonly offset: number
      readonly bytes: string
    }
  | {
      readonly kind: 'mmap'
      readonly on: On
      readonly region: number
      readonly page: number
      readonly pages: number
      readonly access: 'r' | 'w' | 'rw'
    }
  /** Of what a sequence has mapped so far, modulo its count. */
  | { readonly kind: 'munmap'; readonly nth: number }
  | {
      readonly kind: 'load'
      readonly nth: number
      readonly offset: number
      readonly width: Width
    }
  | {
      readonly kind: 'store'
      readonly nth: number
      readonly offset: number
      readonly width: Width
      readonly value: number
    }
  | { readonly kind: 'read'; readonly on: On; readonly length: number }
  | { readonly kind: 'write'; readonly on: On; readonly bytes: string }
  | { readonly kind: 'file'; readonly path: string; readonly how: 'read' | 'list' | 'link' }
  | { readonly kind: 'file write'; readonly path: string; readonly text: string }
