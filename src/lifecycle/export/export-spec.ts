import type { BusDevice } from '../../host/bus/bus-device.ts'
import { readPhysicalFunctions } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { parentMatcher } from '../device/parents.ts'
import { list } from '../kinds/list.ts'
import { checkNamesAreThere } from '../kinds/named-device.ts'
import type { BindingEntry, ParentEntry, SpecFile } from '../spec/spec-file.ts'
import { keptFunction } from '../sriov/kept-number.ts'
import { byCard, exportBindings } from './export-bindings.ts'
import { exportParents } from './export-parents.ts'
import type { Exported, ExportedParent } from './exported.ts'
import { type SpecComment, specText } from './spec-text.ts'

/** Extent of an export. */
export interface ExportRequest {
  /** Only these parents or cards, with what they carry, and the drivers of their functions. All if it is absent. */
  readonly only?: readonly string[]
  /**
   * Also what is on the host and nobody keeps: devices that run without a definition, numbers of virtual functions,
   * VFIO's drivers, driverctl's overrides. `apply` of the file then keeps it.
   */
  readonly adopt?: boolean
}

/** This host as a spec file. */
export interface ExportedSpec {
  readonly spec: SpecFile
  /** The same as YAML, with names of types as comments. */
  readonly text: string
  /** In words, the rest of the host, which nobody keeps and is not in the file: none with `adopt`. */
  readonly notKept: readonly string[]
  /** Settings and definitions that cannot go in, such as for devices that are not there. */
  readonly warnings: readonly Warning[]
}

/**
 * This host as a spec file: all that is kept, so that a plan of it has nothing to do here. NOT_FOUND for a parent that
 * is not there.
 */
export function exportSpec(files: HostFiles, { only, adopt = false }: ExportRequest = {}): ExportedSpec {
  for (const parent of only ?? []) checkNamesAreThere(files, { parent })
  const matchers = only?.map((name) => parentMatcher(files, name))
  const isMeant = (name: string) => matchers === undefined || matchers.some((fits) => fits(name))
  const { devices, warnings } = list(files)
  const physical = readPhysicalFunctions(files)
  const parents = exportParents(files, { devices, cards: physical.functions, isMeant, adopt })
  const isMeantDevice = ({ bus, name }: BusDevice) => matchers === undefined || (bus === 'pci' && isMeant(name))
  const found = exportBindings(files, isMeantDevice, { cards: physical.functions, adopt })
  const given = new Set(parents.entries.flatMap(({ entry }) => (entry.sriov === undefined ? [] : [entry.parent])))
  const cards = physical.functions.filter(({ address }) => given.has(address))
  const bindings = byCard(found.entries, (address) => keptFunction(files, cards, address))
  const spec: SpecFile = {
    version: 1,
    ...(bindings.length === 0 ? {} : { bindings: bindings.map(({ entry }) => entry) }),
    ...(parents.entries.length === 0 && bindings.length > 0 ? {} : { parents: parents.entries.map(parentEntry) }),
  }
  return {
    spec,
    text: specText(spec, comments(bindings, parents.entries)),
    notKept: adopt ? [] : [...parents.notKept, ...found.notKept],
    warnings: [...warnings, ...physical.warnings, ...parents.warnings, ...found.warnings],
  }
}

function parentEntry({ entry, devices }: ExportedParent): ParentEntry {
  return { ...entry, ...(devices.length === 0 ? {} : { devices: devices.map((it) => it.entry) }) }
}

function comments(bindings: readonly Exported<BindingEntry>[], parents: readonly ExportedParent[]): SpecComment[] {
  const behind = (path: SpecComment['path'], text: string | null) => (text === null ? [] : [{ path, text }])
  return [
    ...bindings.flatMap(({ comment }, at) => behind(['bindings', at, 'driver'], comment)),
    ...parents.flatMap(({ comment, devices }, at) => [
      ...behind(['parents', at, 'parent'], comment),
      ...devices.flatMap(({ entry, comment: its }, of) => {
        return behind(['parents', at, 'devices', of, Object.keys(entry)[0] ?? ''], its)
      }),
    ]),
  ]
}
