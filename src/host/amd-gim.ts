import { failedWith } from '../base/system-error.ts'
import { printable } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { unreadable, type Warning } from './warning.ts'

/**
 * AMD's driver for hosts of Instinct GPUs (amd/MxGPU-Virtualization), which makes virtual functions as it is loaded.
 */
export const gimDriver = 'gim'

/** The most virtual functions that gim takes for one GPU (VF_NUMBER__MAX in gim_config.h). */
export const mostGimFunctions = 31

/** One way to divide a GPU among its virtual functions. */
export interface GimProfile {
  /** As gim counts them. */
  readonly index: number
  /** 'SPX' for one partition, 'DPX', 'QPX' and 'CPX' for more. */
  readonly type: string
  readonly partitions: number
  /** The memory modes that go with it: 'NPS1', 'NPS4'. */
  readonly memory: readonly string[]
}

/** The division of a GPU of AMD's by gim, and those that it can have. */
export interface GimPartitions {
  /** The profile of now, and the memory mode of now; null if gim does not tell. */
  readonly profile: Omit<GimProfile, 'memory'> | null
  readonly memory: string | null
  /** All that this GPU can have. */
  readonly profiles: readonly GimProfile[]
  readonly memoryModes: readonly string[]
  /** The engines of the whole GPU; null if gim does not tell. */
  readonly engines: { readonly xcc: number; readonly sdma: number; readonly vcn: number; readonly jpeg: number } | null
}

/** sysfs gives a page. */
const longest = 65536

/**
 * Partitions of a GPU with gim, by its folder in sysfs: `accelerator_partition_profile` and `memory_partition_mode`
 * (0600), `accelerator_partition_profile_config`, `memory_partition_config` and `spatial_partition_caps` (0400;
 * gim_shim/sysfs/gim_monitor.c of 8.0.0.K). Where gim itself fails, the file has a sentence; that is a warning, as is
 * what may not be read. None of an older gim without these files.
 */
export function readGimPartitions(files: HostFiles, folder: string, warnings: Warning[]): GimPartitions | null {
  const read = (name: string) => readOrSay(files, `${folder}/${name}`, warnings)
  const current = read('accelerator_partition_profile')
  const config = read('accelerator_partition_profile_config')
  const memory = read('memory_partition_mode')
  const modes = read('memory_partition_config')
  const caps = read('spatial_partition_caps')
  if ([current, config, memory, modes, caps].every((text) => text === null)) return null
  const [profile = null] = profilesIn(current ?? '').map(({ memory: _, ...rest }) => rest)
  return {
    profile,
    memory: /^memory_partition_mode: (NPS\d)$/m.exec(memory ?? '')?.[1] ?? null,
    profiles: profilesIn(config?.split('\nprofiles:\n', 2)[1] ?? ''),
    memoryModes: modesIn(modes ?? ''),
    engines: enginesIn(caps ?? ''),
  }
}

/** The text of a file; null with a warning for one that says why it has none, or that cannot be read. */
function readOrSay(files: HostFiles, path: string, warnings: Warning[]): string | null {
  try {
    const text = files.read(path).slice(0, longest)
    if (!text.startsWith('failed to ')) return text
    warnings.push({ path, message: `says '${printable(text.trim().slice(0, 100))}'` })
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ENOTDIR')) warnings.push(unreadable(path, error))
  }
  return null
}

/** Rows '0   SPX   1   NPS1 NPS4   5   [[0 1 ]]', of columns that are padded to 20 characters. */
function profilesIn(text: string): GimProfile[] {
  return text.split('\n').flatMap((line) => {
    const [, index, type = '', partitions, rest = ''] =
      /^(\d{1,9})\s+([A-Z]{3,8})\s+(\d{1,3})\s([^[]*)\[/.exec(line) ?? []
    if (index === undefined) return []
    return [{ index: Number(index), type, partitions: Number(partitions), memory: modesIn(rest) }]
  })
}

/** Each once: gim adds to the text of the row before if a profile lacks NPS1. */
function modesIn(text: string): string[] {
  return [...new Set(text.match(/NPS[1248]/g) ?? [])]
}

/** 'num_xcc=8 num_sdma=16 num_vcn=4 num_jpeg=32'. */
function enginesIn(text: string): GimPartitions['engines'] {
  const [, xcc, sdma, vcn, jpeg] =
    /^num_xcc=(\d{1,5}) num_sdma=(\d{1,5}) num_vcn=(\d{1,5}) num_jpeg=(\d{1,5})$/m.exec(text) ?? []
  if (xcc === undefined) return null
  return { xcc: Number(xcc), sdma: Number(sdma), vcn: Number(vcn), jpeg: Number(jpeg) }
}
