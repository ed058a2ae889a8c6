import type { Machine } from '../machine/machine.ts'
import { type ApPart, assign, configText, guestMatrix, setConfig, unassign } from '../s390/ap-assignment.ts'
import { type ApMaskName, apMask, isOfHost, setApMask } from '../s390/ap-bus.ts'
import { apqnName, hex, matrixText, readMatrix } from '../s390/ap-matrix.ts'
import { maskOf, maskText } from '../s390/mask.ts'
import { matrixParent } from '../scenario/parents.ts'
import type { ScenarioAp } from '../scenario/scenario.ts'
import { below } from '../scenario/sysfs-paths.ts'
import type { Frozen, MdevRecord, MockState, Snapshot } from '../state/state.ts'
import { type Directory, link, type Node, readOnly, type TextFile, writeOnly } from './tree.ts'

/**
 * /sys/devices/ap and /sys/bus/ap: the crypto cards of an IBM Z and their queues, and the matrix that vfio_ap hands
 * out.
 */
export function addAp(sys: Directory, machine: Machine, state: Snapshot): void {
  const { ap, modules } = machine.scenario
  if (ap === undefined) return
  addBus(sys.at('bus/ap'), machine, ap, state)
  for (const { id, type } of ap.adapters) addCard(sys, ap, state, { id, type })
  if (!('vfio_ap' in modules)) return
  const matrix = `/sys/devices/vfio_ap/${matrixParent}`
  const driver = '/sys/bus/matrix/drivers/vfio_ap'
  sys.at(below(matrix)).set('driver', link(matrix, driver)).set('subsystem', link(matrix, '/sys/bus/matrix'))
  sys.at('bus/matrix/devices').set(matrixParent, link('/sys/bus/matrix/devices', matrix))
  sys.at(below(driver)).set(matrixParent, link(driver, matrix))
}

function addBus(bus: Directory, { scenario, store }: Machine, ap: ScenarioAp, state: Snapshot): void {
  const mask = (name: ApMaskName): TextFile => ({
    ...readOnly(`${maskText(apMask(state, ap, name))}\n`),
    write: (bytes) => store.update((draft) => setApMask(draft, scenario, name, bytes)),
  })
  bus
    .set('ap_max_adapter_id', readOnly(`${ap.maxAdapter}\n`))
    .set('ap_max_domain_id', readOnly(`${ap.maxDomain}\n`))
    .set('ap_adapter_mask', readOnly(`${maskText(maskOf(ap.adapters.map(({ id }) => id)))}\n`))
    .set('ap_usage_domain_mask', readOnly(`${maskText(maskOf(ap.domains))}\n`))
    .set('ap_control_domain_mask', readOnly(`${maskText(maskOf(ap.domains))}\n`))
    .set('ap_domain', readOnly(`${ap.domains[0] ?? -1}\n`))
    .set('apmask', mask('apmask'))
    .set('aqmask', mask('aqmask'))
}

function addCard(sys: Directory, ap: ScenarioAp, state: Snapshot, { id, type }: ScenarioAp['adapters'][number]): void {
  const name = `card${hex(id, 2)}`
  const path = `/sys/devices/ap/${name}`
  const devices = sys.at('bus/ap/devices')
  sys
    .at(below(path))
    .set('type', readOnly(`${type}\n`))
    .set('online', readOnly('1\n'))
    .set('subsystem', link(path, '/sys/bus/ap'))
  devices.set(name, link('/sys/bus/ap/devices', path))
  for (const domain of ap.domains) {
    const queue = apqnName(id, domain)
    const at = `${path}/${queue}`
    const driver = `/sys/bus/ap/drivers/${isOfHost(state, ap, id, domain) ? 'cex4queue' : 'vfio_ap'}`
    sys.at(below(at)).set('driver', link(at, driver)).set('subsystem', link(at, '/sys/bus/ap'))
    sys.at(below(driver)).set(queue, link(driver, at))
    devices.set(queue, link('/sys/bus/ap/devices', at))
  }
}

const parts = { adapter: 'adapters', domain: 'domains', control_domain: 'controlDomains' } as const

/** The attributes of a mediated device of vfio_ap. */
export function* apMdevEntries(
  { scenario, store, traits }: Machine,
  { birth, attributes }: Frozen<MdevRecord>,
): Generator<readonly [string, Node]> {
  const { ap } = scenario
  if (ap === undefined) return
  const write = (change: (draft: MockState, bytes: Buffer) => void): TextFile =>
    writeOnly((bytes) => store.update((draft) => change(draft, bytes)))
  for (const [name, part] of Object.entries(parts) satisfies [string, ApPart][]) {
    yield [`assign_${name}`, write((draft, bytes) => assign(draft, scenario, birth, part, bytes))]
    yield [`unassign_${name}`, write((draft, bytes) => unassign(draft, scenario, birth, part, bytes))]
  }
  const matrix = readMatrix(attributes)
  yield ['matrix', readOnly(matrixText(matrix))]
  yield ['guest_matrix', readOnly(() => matrixText(guestMatrix(store.read(), ap, matrix)))]
  yield ['control_domains', readOnly(matrix.controlDomains.map((domain) => `${hex(domain, 4)}\n`).join(''))]
  if (!traits.hasApConfig) return
  const config = write((draft, bytes) => setConfig(draft, scenario, birth, bytes))
  yield ['ap_config', { ...config, ...readOnly(configText(matrix)) }]
}
