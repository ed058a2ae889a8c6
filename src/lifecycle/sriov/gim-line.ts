import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { counted } from '../../base/units.ts'
import { gimDriver, mostGimFunctions } from '../../host/amd-gim.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { findPhysicalFunction, type PhysicalFunction, readPhysicalFunctions } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { commandLineWords, modprobeLines } from '../bindings/boot-lines.ts'
import { earlyLoads } from '../bindings/module-loading.ts'
import type { ChangeOptions, Step } from '../change/change.ts'
import { type KeptFile, pathOf, readKept } from '../files/durable-files.ts'
import { writeAll } from '../files/write-all.ts'
import { withSettingsLock } from '../settings/settings.ts'

/** Virtual functions that a GPU with AMD's gim is to have as gim is loaded: 0 for as gim does by itself. */
export interface GimLineRequest {
  /** The GPU: its PCI address. */
  readonly device: string
  readonly count: number | 'all'
}

/** The line of modprobe for gim that was written or taken out, or with `dryRun` would be. */
export interface GimLineChange {
  readonly device: PciAddress
  /** The GPUs of gim, and the number that each gets; as gim does by itself if null. */
  readonly cards: readonly { readonly device: PciAddress; readonly count: number | null }[]
  /** 'options gim vf_num=8'; null if it is taken out. */
  readonly line: string | null
  /** Commands that make an initramfs anew, which loads gim with the line of before. */
  readonly after: readonly string[]
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly Step[]
}

const lineFile: KeptFile = { folder: '/etc/modprobe.d', name: 'vfioctl-gim.conf', mode: 0o644 }
/** The file of modprobe that has vfioctl's line for gim. */
export const gimLinePath: string = pathOf(lineFile)

const ours = '# Written by `vfioctl sriov DEVICE COUNT --modprobe`; with COUNT 0, it takes this file out.\n'

const option = /^\s*options\s+gim\s(?:.*\s)?vf_num=(\S{1,200})/m

/** Lines of modprobe's files that give gim its numbers of functions: their place, and the numbers. */
export function gimLines(files: HostFiles): { readonly place: string; readonly numbers: string }[] {
  return modprobeLines(files).flatMap(({ text, place }) => {
    const numbers = option.exec(text)?.[1]
    return numbers === undefined ? [] : [{ place, numbers }]
  })
}

/**
 * Writes the line of modprobe by which AMD's gim makes virtual functions as it is loaded (`vf_num` of gim_config.c in
 * amd/MxGPU-Virtualization), or takes it out. Nothing changes before gim is loaded anew. Other GPUs of gim are to have
 * as many as by the line that is there, or as now. Refused without a change: a line of another file that says so too
 * (ALREADY_EXISTS), more than a GPU can have (OUT_OF_RANGE), another driver (NOT_SUPPORTED), and different numbers for
 * GPUs of several models, whose order gim does not document (NOT_SUPPORTED).
 */
export async function writeGimLine(
  kernel: Kernel,
  request: GimLineRequest,
  options: ChangeOptions = {},
): Promise<GimLineChange> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const work = (): GimLineChange => {
    const card = findPhysicalFunction(files, request.device)
    const count = checkedCount(card, request.count)
    const cards = gimCards(files)
    const now = readKept(files, gimLinePath, (text) => text)
    if (now !== null && !now.startsWith(ours)) throw anothers(gimLinePath)
    const asked = now === null ? [] : numbersIn(now)
    const numbers = cards.map((it, index) => {
      return it.address === card.address ? count : (asked[Math.min(index, asked.length - 1)] ?? it.count)
    })
    const line = count === 0 ? null : `options gim vf_num=${shortest(checkedOrder(files, cards, numbers)).join()}`
    checkNoOther(files)
    const content = line === null ? null : `${ours}${line}\n`
    const steps = stepsTo(now, content)
    if (!dryRun && steps.length > 0) writeAll(files, [{ file: lineFile, now, content }])
    return {
      device: card.address,
      cards: cards.map(({ address }, index) => ({
        device: address,
        count: line === null ? null : (numbers[index] ?? null),
      })),
      line,
      after: earlyLoads(files, busNamed('pci'), gimDriver).flatMap(({ after }) => after ?? []),
      changed: steps.length > 0,
      dryRun,
      steps,
    }
  }
  return dryRun ? work() : withSettingsLock(kernel, work, options)
}

/** GPUs of gim, and the numbers that vfioctl's own line gives them; none without that. */
export function ownGimNumbers(files: HostFiles): readonly { device: PciAddress; count: number; now: number }[] {
  const content = readKept(files, gimLinePath, (text) => text)
  if (content === null || !content.startsWith(ours)) return []
  const numbers = numbersIn(content)
  return gimCards(files).flatMap(({ address, count: now }, index) => {
    const count = numbers[Math.min(index, numbers.length - 1)]
    return count === undefined ? [] : [{ device: address, count, now }]
  })
}

function numbersIn(content: string): number[] {
  const words = option.exec(content)?.[1]?.split(',') ?? []
  return words.every((word) => /^\d{1,2}$/.test(word)) ? words.map(Number) : []
}

function stepsTo(now: string | null, content: string | null): Step[] {
  if (now === content) return []
  return content === null ? [{ action: 'delete', path: gimLinePath }] : [{ action: 'save', path: gimLinePath, content }]
}

/** GPUs that gim has, by their addresses, which is the order in which the kernel offers them to it. */
function gimCards(files: HostFiles): PhysicalFunction[] {
  return readPhysicalFunctions(files).functions.filter(({ driver }) => driver === gimDriver)
}

/** A GPU of which gim has made none asks for the least that gim takes. */
function checkedCount({ address, driver, total }: PhysicalFunction, asked: number | 'all'): number {
  const facts = { device: address, driver, total }
  if (driver !== gimDriver) {
    throw new VfioError(
      'NOT_SUPPORTED',
      `a line of modprobe is for AMD's gim, and ${address} is with ${driver ?? 'no driver'}`,
      {
        hint: `vfioctl sriov ${address} COUNT`,
        facts,
      },
    )
  }
  const most = Math.min(total, mostGimFunctions)
  const count = asked === 'all' ? most : asked
  if (Number.isInteger(count) && count >= 0 && count <= most) return count
  throw new VfioError('OUT_OF_RANGE', `gim gives ${address} 1 to ${counted(most, 'virtual function')}, not ${count}`, {
    hint: `its firmware allows ${total} as it is set up now: vfioctl sriov ${address}`,
    facts,
  })
}

function checkedOrder(files: HostFiles, cards: readonly PhysicalFunction[], numbers: readonly number[]): number[] {
  const wanted = numbers.map((it) => Math.max(it, 1))
  if (new Set(wanted).size === 1) return wanted
  const models = new Set(
    cards.map(({ address }) => readPciIds(files, address, [])).map(({ vendor, device }) => `${vendor}:${device}`),
  )
  if (models.size === 1) return wanted
  const shown = cards.map(({ address }, index) => `${address}: ${wanted[index]}`).join(', ')
  throw new VfioError(
    'NOT_SUPPORTED',
    `gim's documents do not say in which order it counts GPUs of several models, which are to have different numbers (${shown})`,
    {
      hint: `dmesg | grep 'AMD GIM probed' shows the order; then the line 'options gim vf_num=N0,N1' by hand`,
      facts: { models: [...models] },
    },
  )
}

/** gim takes the last number for all GPUs that follow. */
function shortest(numbers: readonly number[]): number[] {
  const last = numbers.findLastIndex((it) => it !== numbers.at(-1))
  return numbers.slice(0, last + 2)
}

function checkNoOther(files: HostFiles): void {
  const places = gimLines(files).map(({ place }) => place)
  const word = commandLineWords(files).find((it) => it.startsWith('gim.vf_num='))
  const [other] = [...places, ...(word === undefined ? [] : ['/proc/cmdline'])].filter(
    (place) => !place.startsWith(`${gimLinePath}:`),
  )
  if (other !== undefined) throw anothers(other)
}

function anothers(place: string): VfioError {
  return new VfioError('ALREADY_EXISTS', `${place} gives gim its numbers of functions, and is not vfioctl's`, {
    path: place.replace(/:\d+$/, ''),
    hint: `change the number there, or take vf_num out of it first`,
  })
}
