import { kstrtoull } from '../base/kstrto.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { pciDraft } from './devices.ts'
import { addVfs } from './sriov.ts'

const configPath = '/etc/gim_config'
/** VF_NUMBER__DEFAULT and VF_NUMBER__MAX of gim_config.h. */
const [standard, most] = [1, 31]

/**
 * AMD's gim as it is loaded at boot (amd/MxGPU-Virtualization 8.0.0.K, gim_shim/gim_config.c and gim_drv.c). Each of
 * its GPUs gets virtual functions by the parameter `vf_num=N0,N1,…`, in the order of the bus; the last number is for
 * all that follow, and 1 stands for one that is not from 1 to 31. Without the parameter, the numbers are those of
 * `/etc/gim_config`, where gim keeps its last ones. A GPU that is to have more than its capability of SR-IOV allows
 * (amdgv_parse_config_opt) stays with gim, without functions and files, and the config file is emptied. What is no
 * number keeps gim from being loaded.
 *
 * Of the config file the line of `vf_num` alone is written. gim loaded anew, and a GPU that is given back to it, are
 * not simulated: the latter stays without functions, as the numbers that gim goes on with are not documented.
 */
export function loadGim(scenario: Scenario, state: MockState): void {
  if (!('gim' in scenario.modules)) return
  const asked = askedByModprobe(state)
  const cards = scenario.pci.filter(({ gim, driver }) => gim !== undefined && driver === 'gim')
  const given = asked === null ? null : numbersIn(asked)
  if (asked !== null && given === null) {
    for (const card of cards) pciDraft(state, card).driver = null
    return
  }
  if (given !== null) state.parameters['gim/vf_num'] = given.join()
  const numbers = (given ?? rememberedBy(state)).map((it) => (it >= 1 && it <= most ? it : standard))
  let refusing = false
  for (const [index, card] of cards.entries()) {
    const count = numbers[Math.min(index, numbers.length - 1)] ?? standard
    const isTooMany = count > (card.sriov?.totalVfs ?? 0)
    refusing ||= isTooMany
    pciDraft(state, card)
    if (!isTooMany) addVfs(state, scenario, card, count)
  }
  state.disk[configPath] = refusing ? '' : `vf_num=${numbers.join()}\n`
}

/** The value that modprobe gives: of its options, by the files' names, the last. Null for none. */
function askedByModprobe({ disk }: Snapshot): string | null {
  const files = Object.entries(disk)
    .filter(([path]) => /^\/etc\/modprobe\.d\/[^/]+\.conf$/.test(path))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = files.flatMap(([, text]) => (text ?? '').split('\n'))
  return lines.flatMap((line) => /^\s*options\s+gim\s(?:.*\s)?vf_num=(\S*)/.exec(line)?.[1] ?? []).at(-1) ?? null
}

/** As param_array_set of the kernel takes them; null for what is none. */
function numbersIn(text: string): number[] | null {
  try {
    return text.split(',').map((word) => Number(kstrtoull(Buffer.from(word), { base: 0, bits: 32 })))
  } catch {
    return null
  }
}

function rememberedBy({ disk }: Snapshot): number[] {
  const text = /^vf_num=(.*)$/m.exec(disk[configPath] ?? '')?.[1]
  return (text === undefined ? null : numbersIn(text)) ?? [standard]
}
