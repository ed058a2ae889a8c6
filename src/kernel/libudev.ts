import type { JsExternal } from 'ffi-rs'
import { loadFfi } from './ffi.ts'
import type { Uevent } from './uevents.ts'

/** The library's own name for what it has loaded. */
const library = 'libudev'

/** A udev_monitor (libudev.h) that hears what the kernel itself says, with or without a udev daemon. */
export interface UdevMonitor {
  /** Readable while events wait; the monitor's own. */
  readonly fd: number
  /** The next event that waits, or null. */
  receive(): Uevent | null
  /** Closes the descriptor too. */
  close(): void
}

/** Null if ffi-rs cannot be had or libudev is not installed, or if the kernel lets us hear nothing. */
export async function openUdevMonitor(): Promise<UdevMonitor | null> {
  const ffi = await loadFfi()
  if (ffi === null) return null
  try {
    ffi.open({ library, path: 'libudev.so.1' })
  } catch {
    return null
  }
  const calls = libudevCalls(ffi)
  const udev = calls.pointer('udev_new')
  if (udev === null) return null
  const monitor = calls.pointer('udev_monitor_new_from_netlink', udev, 'kernel')
  const close = () => {
    if (monitor !== null) calls.release('udev_monitor_unref', monitor)
    calls.release('udev_unref', udev)
  }
  if (monitor === null || calls.int('udev_monitor_enable_receiving', monitor) < 0) {
    close()
    return null
  }
  return {
    fd: calls.int('udev_monitor_get_fd', monitor),
    receive() {
      const device = calls.pointer('udev_monitor_receive_device', monitor)
      if (device === null) return null
      try {
        return ueventOf(calls, device)
      } finally {
        calls.release('udev_device_unref', device)
      }
    },
    close,
  }
}

function ueventOf(calls: LibudevCalls, device: JsExternal): Uevent {
  const properties: Record<string, string> = {}
  let entry = calls.pointer('udev_device_get_properties_list_entry', device)
  while (entry !== null) {
    const name = calls.text('udev_list_entry_get_name', entry)
    if (name !== null) properties[name] = calls.text('udev_list_entry_get_value', entry) ?? ''
    entry = calls.pointer('udev_list_entry_get_next', entry)
  }
  const { ACTION = '', DEVPATH = '', SUBSYSTEM = '', SEQNUM = '', ...more } = properties
  return { seqnum: Number(SEQNUM), action: ACTION, devpath: DEVPATH, subsystem: SUBSYSTEM, properties: more }
}

type LibudevCalls = ReturnType<typeof libudevCalls>

/** Calls by what they return. A pointer is one that libudev gave and has not freed: nothing else may come in here. */
function libudevCalls({ DataType, isNullPointer, load }: typeof import('ffi-rs')) {
  const { External, I32, String: Text } = DataType
  type Given = JsExternal | string | number

  const typeOf = (value: Given) => (typeof value === 'string' ? Text : typeof value === 'number' ? I32 : External)
  const toCall = (funcName: string, given: readonly Given[]) => {
    return { library, funcName, paramsType: given.map(typeOf), paramsValue: [...given] }
  }
  const pointer = (name: string, ...given: readonly Given[]): JsExternal | null => {
    const result = load({ ...toCall(name, given), retType: External })
    return isNullPointer(result) ? null : result
  }
  return {
    pointer,
    int: (name: string, ...given: readonly Given[]): number => load({ ...toCall(name, given), retType: I32 }),
    /** Asked for as a pointer first: ffi-rs reads a string at NULL too, which ends the process. */
    text: (name: string, from: JsExternal): string | null =>
      pointer(name, from) === null ? null : load({ ...toCall(name, [from]), retType: Text }),
    release: (name: string, what: JsExternal): void => {
      pointer(name, what)
    },
  }
}
