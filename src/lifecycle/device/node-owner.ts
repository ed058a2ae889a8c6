import { asVfioError, kernelAnswer, withMore } from '../../base/errors.ts'
import { accountId } from '../../host/accounts.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'
import type { NodeOwner } from '../settings/node-owners.ts'

/** A step that gives a node its owner or mode. */
export type OwnerStep = Extract<Step, { action: 'chown' | 'chmod' }>

/** The steps that give these nodes to the owner; none if they are the owner's. Throws as `accountId` does. */
export function ownerSteps(files: HostFiles, nodes: readonly string[], owner: NodeOwner | null): OwnerStep[] {
  if (owner === null) return []
  const ids = resolve(files, owner)
  return nodes.flatMap((path) => {
    const now = files.owner(path)
    const { uid = now.uid, gid = now.gid, mode = now.mode } = ids
    return [
      ...(uid === now.uid && gid === now.gid ? [] : [{ action: 'chown' as const, path, uid, gid }]),
      ...(mode === now.mode ? [] : [{ action: 'chmod' as const, path, mode: octal(mode) }]),
    ]
  })
}

/** The same for a device whose folder in sysfs is not there yet: which node it gets, its IOMMU group will tell. */
export function futureOwnerSteps(files: HostFiles, folder: string, owner: NodeOwner | null): OwnerStep[] {
  if (owner === null) return []
  const { uid, gid, mode } = resolve(files, owner)
  const path = `/dev/vfio/$(basename $(readlink ${folder}/iommu_group))`
  const isGiven = uid !== undefined || gid !== undefined
  return [
    ...(isGiven ? [{ action: 'chown' as const, path, uid: uid ?? 0, gid: gid ?? 0 }] : []),
    ...(mode === undefined ? [] : [{ action: 'chmod' as const, path, mode: octal(mode) }]),
  ]
}

/** Makes the changes. PERMISSION_DENIED or SYSTEM_CALL_FAILED with the node. */
export function giveNodes(files: HostFiles, steps: readonly OwnerStep[]): void {
  for (const step of steps) {
    try {
      if (step.action === 'chown') files.chown(step.path, step.uid, step.gid)
      else files.chmod(step.path, Number.parseInt(step.mode, 8))
    } catch (cause) {
      const what =
        step.action === 'chown' ? `give ${step.path} to ${step.uid}:${step.gid}` : `set ${step.mode} on ${step.path}`
      throw refusedByKernel(`cannot ${what}`, cause, { path: step.path, hint: `ls -l ${step.path}` })
    }
  }
}

/** The same for a device that was just made: if it fails, `remove` takes that away again. */
export async function giveNodesOrRemove(
  files: HostFiles,
  steps: readonly OwnerStep[],
  remove: () => Promise<void>,
): Promise<void> {
  try {
    giveNodes(files, steps)
  } catch (cause) {
    const error = asVfioError(cause)
    try {
      await remove()
    } catch (second) {
      const said = `and the device could not be removed again: ${kernelAnswer(second)}`
      throw withMore(error, said, { hint: 'vfioctl list shows what is left; vfioctl stop' })
    }
    const isNodeGone = error.path !== null && files.kind(error.path) === null
    throw withMore(error, 'the device was removed again', isNodeGone ? { hint: 'vfioctl list; dmesg | tail' } : {})
  }
}

interface OwnerIds {
  readonly uid?: number
  readonly gid?: number
  readonly mode?: number
}

function resolve(files: HostFiles, { user, group, mode }: NodeOwner): OwnerIds {
  return {
    ...(user === null ? {} : { uid: accountId(files, 'user', user) }),
    ...(group === null ? {} : { gid: accountId(files, 'group', group) }),
    ...(mode === null ? {} : { mode: Number.parseInt(mode, 8) }),
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
