import { VfioError } from '../../base/errors.ts'
import { isSystemError } from '../../base/system-error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { capabilityBit as bit } from '../../uapi/pci.ts'
import { decodeExtendedCapabilities } from './config-space.ts'
import type { DecodedFields } from './pci-capability.ts'

/** A service of a PCI function that keeps the devices behind one switch, or of one card, apart (PCI_ACS_…). */
export type AccessControlService =
  | 'source-validation'
  | 'request-redirect'
  | 'completion-redirect'
  | 'upstream-forwarding'

/** Access Control Services of a PCI function: the services that it could have, and those that are turned on. */
export interface AccessControl {
  readonly supported: readonly AccessControlService[]
  readonly enabled: readonly AccessControlService[]
}

const services = [
  ['source-validation', bit.PCI_ACS_SV],
  ['request-redirect', bit.PCI_ACS_RR],
  ['completion-redirect', bit.PCI_ACS_CR],
  ['upstream-forwarding', bit.PCI_ACS_UF],
] as const

const wholeSize = 4096
/** The file's bytes for whoever is not root: the header, up to 128 of CardBus. */
const shownToAll = 128

/**
 * Access Control Services as the file `config` of a PCI device in sysfs shows them: 'none' of a function without them,
 * and 'unreadable' if the file is not there, or not to be read whole, as by anyone but root, or makes no sense.
 */
export function readAccessControl(kernel: Kernel, path: string): AccessControl | 'none' | 'unreadable' {
  const bytes = readWhole(kernel, path)
  // a function that hangs or is gone reads as all ones; a virtual function only at its ids
  if (bytes === null || bytes.length <= shownToAll || bytes.every((byte) => byte === 0xff)) return 'unreadable'
  try {
    const found = decodeExtendedCapabilities(bytes).find(({ name }) => name === 'access-control-services')
    return found?.name === 'access-control-services' ? accessControl(found.fields) : 'none'
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    return 'unreadable'
  }
}

function accessControl(fields: DecodedFields['access-control-services']): AccessControl {
  const { sourceValidation, requestRedirect, completionRedirect, upstreamForwarding, control } = fields
  const can = [sourceValidation, requestRedirect, completionRedirect, upstreamForwarding]
  return {
    supported: services.flatMap(([name], index) => (can[index] === true ? [name] : [])),
    enabled: services.flatMap(([name, mask]) => ((control & mask) === 0 ? [] : [name])),
  }
}

/** The bytes of a configuration space, at most 4096; null if they cannot be read. */
function readWhole(kernel: Kernel, path: string): Uint8Array | null {
  const bytes = new Uint8Array(wholeSize)
  try {
    const fd = kernel.open(path, 'r')
    try {
      let length = 0
      while (length < wholeSize) {
        const count = kernel.pread(fd, bytes.subarray(length), length)
        if (count === 0) break
        length += count
      }
      return bytes.subarray(0, length)
    } finally {
      kernel.close(fd)
    }
  } catch (error) {
    if (!isSystemError(error)) throw error
    return null
  }
}
