import { VfioError } from '../../base/errors.ts'
import { shown } from '../../base/units.ts'
import type { PassedDescriptors } from './passed-descriptors.ts'

/** The variables by which `vfioctl run` tells a program the numbers of its descriptors. */
const variables = {
  iommufd: 'VFIOCTL_IOMMUFD',
  devices: 'VFIOCTL_DEVICES',
  container: 'VFIOCTL_CONTAINER',
  groups: 'VFIOCTL_GROUPS',
} as const

/**
 * VFIOCTL_IOMMUFD=3 VFIOCTL_DEVICES=0000:3b:00.0=4,…, or VFIOCTL_CONTAINER=3 VFIOCTL_GROUPS=12=4,…; undefined for what
 * is not passed, and no longer to be in the environment.
 */
export function passedEnvironment(passed: PassedDescriptors): Record<string, string | undefined> {
  const one = (fd: number | undefined) => (fd === undefined ? undefined : String(fd))
  const list = (numbers: Readonly<Record<string, number>> | undefined) =>
    numbers === undefined
      ? undefined
      : Object.entries(numbers)
          .map(([name, fd]) => `${name}=${fd}`)
          .join(',')
  return {
    [variables.iommufd]: one(passed.iommufd),
    [variables.devices]: list(passed.devices),
    [variables.container]: one(passed.container),
    [variables.groups]: list(passed.groups),
  }
}

/**
 * The descriptors that `vfioctl run` passed to this program, for `openDevice(device, { passed })`: from VFIOCTL_IOMMUFD
 * and VFIOCTL_DEVICES, or VFIOCTL_CONTAINER and VFIOCTL_GROUPS. Throws NOT_FOUND if the environment has none of them,
 * INVALID_ARGUMENT if one is not of its form.
 */
export function passedDescriptors(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): PassedDescriptors {
  const one = (variable: string) => {
    const text = environment[variable]
    return text === undefined ? undefined : descriptorIn(variable, text, text)
  }
  const several = (variable: string) => {
    const text = environment[variable]
    if (text === undefined) return undefined
    const entries = text.split(',').map((entry) => {
      const at = entry.lastIndexOf('=')
      if (at < 1) throw notOfItsForm(variable, text)
      return [entry.slice(0, at), descriptorIn(variable, text, entry.slice(at + 1))] as const
    })
    return Object.fromEntries(entries)
  }
  const [iommufd, devices] = [one(variables.iommufd), several(variables.devices)]
  const [container, groups] = [one(variables.container), several(variables.groups)]
  if (devices === undefined && groups === undefined) {
    throw new VfioError('NOT_FOUND', 'no descriptors were passed to this program: its environment names none', {
      hint: 'vfioctl run --help',
    })
  }
  return {
    ...(iommufd === undefined ? {} : { iommufd }),
    ...(devices === undefined ? {} : { devices }),
    ...(container === undefined ? {} : { container }),
    ...(groups === undefined ? {} : { groups }),
  }
}

function descriptorIn(variable: string, text: string, number: string): number {
  if (!/^\d{1,7}$/.test(number)) throw notOfItsForm(variable, text)
  return Number(number)
}

function notOfItsForm(variable: string, text: string): VfioError {
  const form = variable === variables.devices || variable === variables.groups ? 'NAME=DESCRIPTOR,…' : 'a number'
  return new VfioError('INVALID_ARGUMENT', `${variable} is ${shown(text)}, not ${form}`, { hint: 'vfioctl run --help' })
}
