import { type Uuid, uuidBytes } from '../../base/units.ts'
import { groupMember } from '../../host/group-members.ts'
import { linkedName } from '../../host/sysfs/links.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { DeviceFeatures } from '../calls/device-features.ts'
import type { Reason, Reasons } from '../calls/system-call.ts'

/**
 * The reasons why a device does not open: whoever opens a virtual function must know the token that its physical
 * function's user has set, if vfio-pci has both; and whoever opens the physical function while a virtual one is
 * open.
 */
export function vfTokenReasons(files: HostFiles, name: string, token: Uuid | null): Reasons {
  const kind = kindOf(files, name)
  const denied = (): Reason => ({
    code: 'PERMISSION_DENIED',
    because: `${describe(kind)}, and ${token === null ? 'no VF token was given' : 'the VF token is another'}`,
    hint:
      kind.physicalFunction === null
        ? '{ vfToken }: the UUID by which its virtual functions were opened'
        : `{ vfToken }: the UUID that ${kind.physicalFunction} was opened with`,
    facts: { device: name, physicalFunction: kind.physicalFunction },
  })
  const unwanted = (): Reason => ({
    code: 'INVALID_ARGUMENT',
    because: `it takes no VF token: ${kind.why}`,
    hint: 'leave out vfToken',
    facts: { device: name, physicalFunction: kind.physicalFunction },
  })
  return { EACCES: denied, ...(token === null || kind.takesToken ? {} : { EINVAL: unwanted }) }
}

/** VFIO_DEVICE_FEATURE_PCI_VF_TOKEN: what its virtual functions ask for from now on. */
export function setVfToken(device: Descriptor, features: DeviceFeatures, token: Uuid): void {
  features.set('pci-vf-token', uuidBytes(token), {
    goal: 'set the VF token',
    reasons: {
      ENOTTY: () => ({
        code: 'NOT_SUPPORTED',
        because: `${device.what} is not a PCI device that could have virtual functions`,
        hint: 'cat /sys/bus/pci/devices/*/sriov_totalvfs',
      }),
    },
  })
}

interface FunctionKind {
  /** Of a virtual function: its physical one. */
  readonly physicalFunction: string | null
  readonly takesToken: boolean
  /** The reason if it takes none. */
  readonly why: string
}

function kindOf(files: HostFiles, name: string): FunctionKind {
  const path = `/sys/bus/pci/devices/${name}`
  const physicalFunction = linkedName(files, `${path}/physfn`)
  if (physicalFunction === null) {
    const hasFunctions = files.kind(`${path}/sriov_totalvfs`) !== null
    return { physicalFunction, takesToken: hasFunctions, why: 'it is not a function of an SR-IOV device' }
  }
  const takesToken = groupMember(files, physicalFunction, `${path}/physfn`).vfio
  return { physicalFunction, takesToken, why: `its physical function ${physicalFunction} is not with a driver of VFIO` }
}

function describe({ physicalFunction }: FunctionKind): string {
  if (physicalFunction === null) return 'virtual functions of it are in use'
  return `it is a virtual function of ${physicalFunction}`
}
