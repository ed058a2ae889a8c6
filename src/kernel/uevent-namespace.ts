import { closeSync, existsSync, openSync, readlinkSync, statSync } from 'node:fs'
import { VfioError } from '../base/errors.ts'
import { loadAddon } from './addon.ts'

/** By PROC_USER_INIT_INO (linux/proc_ns.h): the initial user namespace has this inode on every machine. */
const initialUser = 'user:[4026531837]'

/** NS_GET_USERNS (linux/nsfs.h): a descriptor of the user namespace that owns another namespace. */
const getOwner = 0xb701

/**
 * Throws NOT_SUPPORTED if the kernel's device events do not come, though a socket for them opens and stays silent. The
 * kernel sends them to network namespaces that the initial user namespace owns (lib/kobject_uevent.c), whichever user
 * namespace the listener is in: so the owner is asked for, and not which user namespace is ours. libudev drops what
 * root has not sent, and the host's root is nobody in a user namespace that does not map it: the owner of /sys, who is
 * the sender, tells.
 */
export function checkUeventsCome(): void {
  if (hasNamespaces() && networkOwner() !== initialUser) {
    throw silent('/proc/self/ns/net', 'this network namespace belongs to a user namespace other than the first')
  }
  if (statSync('/sys').uid !== 0) throw silent('/proc/self/ns/user', 'this user namespace lacks the host’s root')
}

/**
 * False in a kernel without CONFIG_NET_NS or CONFIG_USER_NS: the first user namespace owns the one network there is.
 */
function hasNamespaces(): boolean {
  return ['net', 'user'].every((kind) => existsSync(`/proc/self/ns/${kind}`))
}

/** Null if it cannot be seen: EPERM if it is above our own user namespace. */
function networkOwner(): string | null {
  const addon = loadAddon()
  const network = openSync('/proc/self/ns/net', 'r')
  try {
    const owner = addon.ioctl(network, getOwner, undefined, 0)
    try {
      return readlinkSync(`/proc/self/fd/${owner}`)
    } finally {
      addon.close(owner)
    }
  } catch {
    return null
  } finally {
    closeSync(network)
  }
}

function silent(path: string, why: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `${why}: the kernel’s device events do not come here`, { path })
}
