import { type PciAddress, printable } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { NamedType } from '../device/type-named.ts'
import { askSmi } from './nvidia-smi.ts'

/** A type of vGPU that takes a GPU instance of MIG, as nvidia-smi tells it. */
export interface MigType extends NamedType {
  /** The id, in decimal, as sysfs has it. */
  readonly type: string
  readonly name: string
  /** The number that nvidia-smi has for the profile of the instance. */
  readonly profileId: number
  /** The vGPUs of its framebuffer size that one instance carries. */
  readonly perInstance: number
  readonly framebufferMiB: number
}

/** A card has some hundred types at most, of some twenty lines. */
const longest = 1024 * 1024

/** The types of a card that take a GPU instance, in whichever mode it is. Throws as `askSmi`. */
export async function readMigTypes(kernel: Kernel, card: PciAddress): Promise<MigType[]> {
  return parseMigTypes(await askSmi(kernel, card, ['vgpu', '-s', '-v', '-i', card]))
}

/**
 * Blocks of `nvidia-smi vgpu -s -v`, each 'vGPU Type ID : 0x60a' with 'Name', 'GPU Instance Profile ID', 'Max Instances
 * Per GI' and 'FB Memory : 2048 MiB' below it, as a public log of driver 580.105.06 shows them (bigstack-oss/cubecos).
 * A type that takes no instance has N/A for its profile; one of which anything is not told so is left out.
 */
export function parseMigTypes(text: string): MigType[] {
  const blocks = text
    .slice(0, longest)
    .split(/^\s*vGPU Type ID\s*:/m)
    .slice(1)
  return blocks.flatMap((block): MigType[] => {
    const said = (name: string) => new RegExp(`^\\s*${name}\\s*:(.*)$`, 'm').exec(block)?.[1]?.trim() ?? ''
    const id = /^\s*0x([0-9a-f]{1,8})\s*$/im.exec(block.split('\n', 1)[0] ?? '')?.[1]
    const name = said('Name')
    const profileId = whole(said('GPU Instance Profile ID'))
    const perInstance = whole(said('Max Instances Per GI'))
    const framebufferMiB = whole(said('FB Memory').replace(/ MiB$/, ''))
    if (id === undefined || name === '' || printable(name) !== name) return []
    if (profileId === null || !perInstance || framebufferMiB === null) return []
    return [{ type: String(Number.parseInt(id, 16)), name, profileId, perInstance, framebufferMiB }]
  })
}

function whole(text: string): number | null {
  return /^\d{1,9}$/.test(text) ? Number(text) : null
}
