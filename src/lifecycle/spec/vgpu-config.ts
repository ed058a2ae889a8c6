import * as v from 'valibot'
import { printable } from '../../base/units.ts'
import { nearestNames } from '../../host/nearest-name.ts'
import { isMigBacked } from '../device/mig.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { SpecGpus } from '../wanted/spec.ts'
import { checkedContent } from './checked-content.ts'
import { parseGpuFilter } from './gpu-ids.ts'
import { knownKeys } from './known-keys.ts'
import type { YamlContent } from './read-yaml.ts'

const count = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(1, 'must be at least 1: a type that is not wanted is left out'),
  v.maxValue(65_536),
)

/** 'A40-12Q', 'RTX6000-Ada-2Q', and of GPU instances (MIG) 'A100-1-5C', 'A100-1-5CME'. */
const timeSliced = /^[A-Z0-9]+(?:-[a-zA-Z]+)*-(?:0|[1-9]\d{0,5})[ABCQ]$/
const migBacked = /^[A-Z0-9]+-[1-9]-(?:0|[1-9]\d{0,5})[ABCQ](?:ME|NOME|MEALL|GFX)?$/

/** Its last word, which NVIDIA's own tool knows it by; a driver has 'NVIDIA' or 'GRID' and others before it. */
function lastWord(name: string): string {
  return name.replace(/^(?:NVIDIA|GRID)[ _].*[ _]|^(?:NVIDIA|GRID)[ _]/, '')
}

const typeName = v.pipe(
  v.string(),
  v.maxLength(100),
  v.check((name) => {
    const word = lastWord(name)
    return timeSliced.test(word) || migBacked.test(word)
  }, 'must be the name of a type of vGPU: A40-12Q, A100-1-5C, or A100-1-5CME (also ...NOME, ...MEALL, ...GFX)'),
)

const vgpuDevices = v.pipe(
  v.record(typeName, count),
  v.transform((types) => Object.entries(types).map(([name, count]) => ({ type: lastWord(name), count }))),
  v.check((types) => new Set(types.map(({ type }) => type)).size === types.length, 'names a type twice'),
  v.check(
    (types) => new Set(types.map(({ type: name }) => isMigBacked({ name }))).size < 2,
    'must not mix types that share the GPU by time with types of GPU instances (MIG)',
  ),
)

const entry = v.pipe(
  knownKeys({
    'device-filter': v.nullish(
      v.union([v.string(), v.array(v.string())], 'must be an id in quotes, or a list of them'),
    ),
    devices: v.union(
      [v.literal('all'), v.array(v.pipe(v.number(), v.safeInteger()))],
      'must be all, or a list of numbers',
    ),
    'vgpu-devices': v.nullable(vgpuDevices),
  }),
  v.transform(({ 'device-filter': filter, devices, 'vgpu-devices': wanted }): SpecGpus => {
    const texts = typeof filter === 'string' ? [filter] : (filter ?? [])
    const isAny = texts.length === 0 || filter === ''
    return {
      gpus: devices,
      filters: isAny ? null : texts.flatMap((text) => parseGpuFilter(text) ?? []),
      devices: wanted ?? [],
    }
  }),
)

/** NVIDIA vgpu-device-manager's file: configs by their names, each a list of what which GPUs carry. */
const vgpuConfig = knownKeys({
  version: v.literal('v1'),
  'vgpu-configs': v.optional(v.record(v.string(), v.pipe(v.array(entry), v.minLength(1, 'must have an entry'))), {}),
})

/** True if a file's content is a configuration of nvidia-vgpu-device-manager. */
export function isVgpuConfig(content: unknown): boolean {
  if (typeof content !== 'object' || content === null) return false
  return 'vgpu-configs' in content || ('version' in content && content.version === 'v1')
}

/** One config of it: the one of that label, or the only one. All of the file is checked. */
export function parseVgpuConfig(content: YamlContent, path: string, label: string | undefined): readonly SpecGpus[] {
  const configs = new Map(Object.entries(checkedContent(path, content, vgpuConfig)['vgpu-configs']))
  const labels = [...configs.keys()].sort()
  const [only] = labels
  if (only === undefined) throw invalidSpec(path, 'vgpu-configs', 'must have a config')
  const config = configs.get(label ?? (labels.length === 1 ? only : ''))
  if (config !== undefined) return config
  const nearest = label === undefined ? [] : nearestNames(label, labels)
  const which = `--config ${shown(nearest.length > 0 ? nearest : labels)}`
  const what = label === undefined ? 'has several: which one?' : `has no '${printable(label)}':`
  throw invalidSpec(path, 'vgpu-configs', `${what} ${which}`, content.placeOf(['vgpu-configs']))
}

/** A file of NVIDIA's has hundreds. */
function shown(labels: readonly string[]): string {
  const most = 8
  const more = labels.length > most ? `, or one of ${labels.length - most} more` : ''
  return `${labels.slice(0, most).join(' or ')}${more}`
}
