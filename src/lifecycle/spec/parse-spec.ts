import { InvalidSpec, invalidSpec, type Place, type SpecFault } from '../wanted/invalid-spec.ts'
import type { Spec, SpecBinding, SpecDevices, SpecParent } from '../wanted/spec.ts'
import { checkedContent, mostFaults, placeInWords } from './checked-content.ts'
import { readYaml, type YamlContent } from './read-yaml.ts'
import { specSchema } from './spec-schema.ts'
import { isVgpuConfig, parseVgpuConfig } from './vgpu-config.ts'
import { YamlFault } from './yaml-fault.ts'

/** A file with thousands of devices is a few hundred KiB. */
export const largestSpec: number = 1024 * 1024

/**
 * Reads a spec file: YAML or JSON, ours or that of NVIDIA's vgpu-device-manager, of which `label` names one config.
 * INVALID_SPEC with the file, the place in it, and what should stand there.
 */
export function parseSpec(text: string, path: string, label?: string): Spec {
  const content = parseYaml(text, path)
  if (isVgpuConfig(content.value)) {
    return { path, bindings: [], parents: [], gpus: parseVgpuConfig(content, path, label) }
  }
  const { bindings = [], parents = [] } = checkedContent(path, content, specSchema)
  checkUuids(parents, path, content)
  return { path, ...withPlaces(bindings, parents, content), gpus: [] }
}

function withPlaces(
  bindings: readonly SpecBinding[],
  parents: readonly SpecParent[],
  content: YamlContent,
): Pick<Spec, 'bindings' | 'parents'> {
  return {
    bindings: [
      ...bindings.map((it, index) => ({ ...it, at: content.placeOf(['bindings', index]) })),
      ...parents.flatMap(({ devices }, index) =>
        devices.flatMap((each, n) => driverOf(each, content.placeOf(['parents', index, 'devices', n]))),
      ),
    ],
    parents: parents.map((it, index) => ({
      ...it,
      at: content.placeOf(['parents', index]),
      devices: it.devices.map((each, n) => ({ ...each, at: content.placeOf(['parents', index, 'devices', n]) })),
    })),
  }
}

/** The binding of a function for which an entry of `parents` names a driver. */
function driverOf({ driver, wanted }: SpecDevices, at: Place | null): SpecBinding[] {
  if (driver === null || !('function' in wanted)) return []
  const rest = { group: false, early: null, settings: null, releaseFramebuffer: false }
  return [{ at, choice: { names: [wanted.function] }, driver, ...rest }]
}

function parseYaml(text: string, path: string): YamlContent {
  if (text.length > largestSpec) throw invalidSpec(path, 'the file', `has more than ${largestSpec} characters`)
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw invalidSpec(path, 'the file', error.message, error.place)
  }
}

/** A UUID stands for one device. */
function checkUuids(parents: readonly SpecParent[], path: string, content: YamlContent): void {
  const seen = new Set<string>()
  const twice: SpecFault[] = []
  for (const [index, { devices }] of parents.entries()) {
    for (const [at, { wanted }] of devices.entries()) {
      if (!('uuid' in wanted)) continue
      const place = ['parents', index, 'devices', at, 'uuid']
      if (seen.has(wanted.uuid)) {
        twice.push({
          place: placeInWords(place),
          what: `${wanted.uuid} is listed twice`,
          at: content.placeOf(place),
        })
      }
      seen.add(wanted.uuid)
    }
  }
  const [first, ...others] = twice.slice(0, mostFaults)
  if (first !== undefined) throw new InvalidSpec(path, [first, ...others])
}
