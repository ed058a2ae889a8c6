import { placeFor } from '../pci/gpu-instances.ts'
import type { ScenarioMig, ScenarioMigProfile } from '../scenario/scenario.ts'
import type { GpuInstanceRecord } from '../state/state.ts'
import type { Gpu } from './gpu-query.ts'

/** The tables of `nvidia-smi mig`, column for column as a log of driver 575 on an RTX PRO 6000 Blackwell has them. */
const wide = 79
const narrow = 57

/** Text of `nvidia-smi mig -lgip`. */
export function profilesTable(
  { index }: Gpu,
  mig: ScenarioMig,
  instances: readonly Readonly<GpuInstanceRecord>[],
): string {
  const head = [
    'GPU instance profiles:',
    'GPU   Name               ID    Instances   Memory     P2P    SM    DEC   ENC',
    '                               Free/Total   GiB              CE    JPEG  OFA',
  ]
  const rows = mig.profiles.map((profile) => {
    const { name, id, memoryGib, engines } = profile
    const total = mig.units / profile.units
    const free = freeOf(mig, instances, profile)
    const named = `${index}`.padStart(3) + `  MIG ${name}`.padEnd(20) + `${id}`.padStart(4)
    const counts = `     ${free}/${total}`.padEnd(16) + memoryGib.toFixed(2).padEnd(11)
    const units = `No     ${engines.sm}`.padEnd(14) + `${engines.dec}`.padEnd(6)
    const below = ' '.repeat(62) + `${engines.ce}`.padEnd(6) + `${engines.jpeg}`.padEnd(6)
    return [`${named}${counts}${units}${engines.enc}`, `${below}${engines.ofa}`]
  })
  return table(wide, head, rows)
}

/** Text of `nvidia-smi mig -lgi`, profile for profile, each in the order of places. */
export function instancesTable(
  { index }: Gpu,
  { profiles }: ScenarioMig,
  instances: readonly Readonly<GpuInstanceRecord>[],
): string {
  const head = [
    'GPU instances:',
    'GPU   Name               Profile  Instance   Placement',
    '                           ID       ID       Start:Size',
  ]
  const rows = instances
    .toSorted((a, b) => a.profile - b.profile || a.start - b.start)
    .map(({ profile: its, id, start }) => {
      const profile = profiles.find((it) => it.id === its)
      const name = `${index}`.padStart(3) + `  MIG ${profile?.name ?? ''}`.padEnd(21)
      const numbers = `${its}`.padStart(5) + `${id}`.padStart(9) + `${start}`.padStart(11)
      return [`${name}${numbers}:${profile?.units ?? 0}`]
    })
  return table(narrow, head, rows)
}

function table(width: number, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = (sign: string, end: string) => `${end}${sign.repeat(width)}${end}`
  const line = (text: string) => `|${` ${text}`.padEnd(width)}|`
  const body = rows.flatMap((row) => [...row.map(line), rule('-', '+')])
  return [rule('-', '+'), ...head.map(line), rule('=', '|'), ...body, ''].join('\n')
}

function freeOf(
  mig: ScenarioMig,
  instances: readonly Readonly<GpuInstanceRecord>[],
  profile: ScenarioMigProfile,
): number {
  const all = [...instances]
  let count = 0
  for (let place = placeFor(mig, all, profile); place !== null; place = placeFor(mig, all, profile)) {
    all.push({ ...place, profile: profile.id, hasCompute: false })
    count++
  }
  return count
}
