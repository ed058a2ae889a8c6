import { namedOverride } from '../base/driver-override.ts'
import type { Machine } from '../machine/machine.ts'
import {
  bindSubchannel,
  namedSubchannel,
  probeSubchannel,
  subchannelDraft,
  subchannelDrivers,
  subchannelLog,
  subchannelRecord,
  unbindSubchannel,
} from '../s390/subchannels.ts'
import type { ScenarioSubchannel } from '../scenario/scenario.ts'
import { below, subchannelPath } from '../scenario/sysfs-paths.ts'
import type { Snapshot } from '../state/state.ts'
import { type Directory, link, readOnly, writeOnly } from './tree.ts'

/**
 * /sys/devices/css0, /sys/bus/css, /sys/bus/ccw: the subchannels of an IBM Z, the devices behind them; the log of
 * vfio_ccw.
 */
export function addCss(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario, store } = machine
  if (scenario.css === undefined) return
  sys.at('bus/css').set(
    'drivers_probe',
    writeOnly((bytes) => store.update((draft) => probeSubchannel(draft, scenario, namedSubchannel(scenario, bytes)))),
  )
  sys.at('bus/css/devices')
  sys.at('bus/ccw/devices')
  for (const driver of subchannelDrivers(scenario)) addDriver(sys, machine, driver)
  if ('vfio_ccw' in scenario.modules) {
    sys.at('kernel/debug/s390dbf/vfio_ccw_msg').set(
      'sprintf',
      readOnly(() => subchannelLog(scenario, state)),
    )
  }
  for (const subchannel of scenario.css) addSubchannel(sys, machine, subchannel, state)
}

function addDriver(sys: Directory, { scenario, store, waitUntil }: Machine, driver: string): void {
  const here = `/sys/bus/css/drivers/${driver}`
  const directory = sys.at(below(here))
  if (driver in scenario.modules) directory.set('module', link(here, `/sys/module/${driver}`))
  const unbind = async (bytes: Buffer) => {
    const subchannel = namedSubchannel(scenario, bytes)
    store.update((draft) => unbindSubchannel(draft, subchannel, driver))
    await waitUntil(() => !subchannelRecord(store.read(), subchannel).unbinding)
  }
  directory
    .set(
      'bind',
      writeOnly((bytes) => store.update((draft) => bindSubchannel(draft, namedSubchannel(scenario, bytes), driver))),
    )
    .set('unbind', writeOnly(unbind))
}

function addSubchannel(
  sys: Directory,
  { store, traits }: Machine,
  subchannel: ScenarioSubchannel,
  state: Snapshot,
): void {
  const path = subchannelPath(subchannel.id)
  const { driver, driverOverride, unbinding } = subchannelRecord(state, subchannel)
  const directory = sys.at(below(path))
  const shown = driver === null || unbinding ? '' : `DRIVER=${driver}\n`
  directory
    .set('type', readOnly('0\n'))
    .set('modalias', readOnly('css:t0\n'))
    .set('chpids', readOnly(`${subchannel.chpids}\n`))
    .set('pimpampom', readOnly(`${subchannel.pimpampom}\n`))
    .set('dev_busid', readOnly(`${subchannel.device}\n`))
    .set('uevent', readOnly(`${shown}ST=0\nMODALIAS=css:t0\n`))
    .set('subsystem', link(path, '/sys/bus/css'))
    .set('driver_override', {
      ...readOnly(`${driverOverride ?? '(null)'}\n`),
      write: (bytes) =>
        store.update((draft) => {
          subchannelDraft(draft, subchannel).driverOverride = namedOverride(traits, bytes)
        }),
    })
  sys.at('bus/css/devices').set(subchannel.id, link('/sys/bus/css/devices', path))
  if (driver === null || unbinding) return
  const driverPath = `/sys/bus/css/drivers/${driver}`
  directory.set('driver', link(path, driverPath))
  sys.at(below(driverPath)).set(subchannel.id, link(driverPath, path))
  if (driver === 'io_subchannel') addCcwDevice(sys, subchannel, path)
}

/** The device behind a subchannel, which the host knows only while its own driver has the subchannel. */
function addCcwDevice(sys: Directory, { device, deviceType, controlUnit }: ScenarioSubchannel, above: string): void {
  const path = `${above}/${device}`
  sys
    .at(below(path))
    .set('devtype', readOnly(`${deviceType}\n`))
    .set('cutype', readOnly(`${controlUnit}\n`))
    .set('online', readOnly('0\n'))
    .set('availability', readOnly('good\n'))
    .set('subsystem', link(path, '/sys/bus/ccw'))
  sys.at('bus/ccw/devices').set(device, link('/sys/bus/ccw/devices', path))
}
