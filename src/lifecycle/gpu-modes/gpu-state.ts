import { VfioError } from '../../base/errors.ts'
import { type PciAddress, printable } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { askSmi, askSmiOrNone } from './nvidia-smi.ts'

/** A GPU instance that a card is cut into. */
export interface GpuInstance {
  readonly id: number
  /** '1g.24gb+gfx', and the number that nvidia-smi has for it. */
  readonly profile: string
  readonly profileId: number
}

/** Modes of a card, as nvidia-smi tells them. */
export interface GpuState {
  /** 'SR-IOV' of a card whose virtual functions become vGPUs; null if it does not say. */
  readonly hostMode: string | null
  /** MIG mode, and the mode that it waits for; null if the card has none. */
  readonly mig: { readonly current: boolean; readonly pending: boolean } | null
  /** vGPUs of several framebuffer sizes are taken; null if it does not apply: in MIG mode, or if the card cannot. */
  readonly heterogeneous: boolean | null
  /** The card can mix sizes. */
  readonly canMixSizes: boolean
  /** In the order of their places. */
  readonly instances: readonly GpuInstance[]
}

/** A few thousand lines of it are all that there ever is. */
const longest = 1024 * 1024

/** State of a card, as nvidia-smi tells it. Throws as `askSmi`; SYSTEM_CALL_FAILED for an answer that is none. */
export async function readGpuState(kernel: Kernel, card: PciAddress): Promise<GpuState> {
  const modes = parseModes(await askSmi(kernel, card, ['-q', '-i', card]), card)
  if (modes.mig?.current !== true) return { ...modes, instances: [] }
  const list = await askSmiOrNone(kernel, card, ['mig', '-i', card, '-lgi'])
  return { ...modes, instances: list === null ? [] : parseInstances(list, card) }
}

/**
 * The lines of `nvidia-smi -q` that tell modes: 'MIG Mode' with 'Current' and 'Pending' below it, 'Host VGPU Mode',
 * 'vGPU Heterogeneous Mode' and, of the device's capabilities, 'Heterogeneous Time-Slice Sizes' (drivers 550 to 595).
 */
export function parseModes(text: string, card: PciAddress): Omit<GpuState, 'instances'> {
  const lines = text.slice(0, longest).split('\n')
  const saidOf = (name: string, from = 0): string | null => {
    const line = lines.slice(from).find((it) => it.trimStart().startsWith(`${name} `) && it.includes(':'))
    return line === undefined ? null : line.slice(line.indexOf(':') + 1).trim()
  }
  const header = lines.findIndex((line) => line.trim() === 'MIG Mode')
  if (header === -1) throw strangeAnswer(card, 'MIG Mode', text)
  const mig = ['Current', 'Pending'].map((name) => switchOf(card, `MIG Mode, ${name}`, saidOf(name, header)))
  const [current = null, pending = null] = mig
  return {
    hostMode: noneIfNotApplicable(saidOf('Host VGPU Mode')),
    mig: current === null || pending === null ? null : { current, pending },
    heterogeneous: switchOf(card, 'vGPU Heterogeneous Mode', saidOf('vGPU Heterogeneous Mode')),
    canMixSizes: saidOf('Heterogeneous Time-Slice Sizes') === 'Supported',
  }
}

/** Rows of `nvidia-smi mig -lgi`: '|   0  MIG 1g.24gb+gfx       47        5          6:3     |'. */
export function parseInstances(text: string, card: PciAddress): GpuInstance[] {
  const row = /^\|\s+\d{1,4}\s+MIG ([0-9a-z.+-]{1,40})\s+(\d{1,4})\s+(\d{1,4})\s+(\d{1,4}):\d{1,4}\s+\|$/
  const rows = text
    .slice(0, longest)
    .split('\n')
    .filter((line) => line.includes(' MIG '))
    .map((line) => {
      const [, profile = '', profileId, id, start] = row.exec(line.trim()) ?? []
      if (profile === '') throw strangeAnswer(card, 'GPU instances', line)
      return { profile, profileId: Number(profileId), id: Number(id), start: Number(start) }
    })
  return rows.sort((a, b) => a.start - b.start).map(({ start: _, ...instance }) => instance)
}

function switchOf(card: PciAddress, name: string, value: string | null): boolean | null {
  const known = noneIfNotApplicable(value)
  if (known === null) return null
  if (known !== 'Enabled' && known !== 'Disabled') throw strangeAnswer(card, name, known)
  return known === 'Enabled'
}

function noneIfNotApplicable(value: string | null): string | null {
  return value === null || /^\[?N\/A\]?$/.test(value) ? null : value
}

function strangeAnswer(card: PciAddress, what: string, said: string): VfioError {
  const shown = printable(said.trim().slice(0, 100))
  return new VfioError('SYSTEM_CALL_FAILED', `nvidia-smi does not tell ${what} of ${card} as is known: '${shown}'`, {
    hint: `nvidia-smi -q -i ${card}; nvidia-smi mig -lgi -i ${card}`,
    facts: { card },
  })
}
