import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import { displayOf, drawnBy, driveFramebuffer, framebufferMemory, freeFramebuffer } from '../pci/screen.ts'
import { below, pciPath, platformPath } from '../scenario/sysfs-paths.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { type Directory, link, readOnly, writeOnly } from './tree.ts'

/** The firmware's framebuffer on the platform bus, the host's fb0, and its consoles. */
export function addScreen(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario, store, traits } = machine
  const { framebuffer } = scenario
  const display = displayOf(scenario)
  if (framebuffer === undefined || display === undefined) return
  const name = `${framebuffer.driver}.0`
  const path = traits.framebufferBelowDevice ? `${pciPath(display)}/${name}` : platformPath(name)
  const driverPath = `/sys/bus/platform/drivers/${framebuffer.driver}`
  const onDriver = (change: (draft: MockState) => void) =>
    writeOnly((bytes) => {
      if (bytes.toString('latin1').replace(/\n$/, '') !== name) throw new Errno('ENODEV')
      store.update(change)
    })
  const driver = sys
    .at(below(driverPath))
    .set(
      'bind',
      onDriver((draft) => driveFramebuffer(draft, framebuffer)),
    )
    .set('unbind', onDriver(freeFramebuffer))
  sys.at('bus/platform/devices')
  if (!state.screen.isGone) {
    const device = sys
      .at(below(path))
      .set('modalias', readOnly(`platform:${framebuffer.driver}\n`))
      .set('subsystem', link(path, '/sys/bus/platform'))
    sys.at('bus/platform/devices').set(name, link('/sys/bus/platform/devices', path))
    if (state.screen.driver !== null) {
      device.set('driver', link(path, driverPath))
      driver.set(name, link(driverPath, path))
    }
  }
  addConsoles(sys, machine, state, drawnBy(scenario, state) === 'device' ? pciPath(display) : path)
}

/** The console is drawn on fb0 while there is one, and on nothing else. */
function addConsoles(sys: Directory, { scenario, store }: Machine, state: Snapshot, above: string): void {
  const hasFramebuffer = drawnBy(scenario, state) !== null
  const isDrawn = hasFramebuffer && state.screen.hasConsole
  sys
    .at('class/vtconsole/vtcon0')
    .set('name', readOnly('(S) dummy device\n'))
    .set('bind', readOnly(isDrawn ? '0\n' : '1\n'))
  if (!hasFramebuffer) return
  sys.at(below(`${above}/graphics/fb0`)).set('name', readOnly('screen\n'))
  sys.at('class/graphics').set('fb0', link('/sys/class/graphics', `${above}/graphics/fb0`))
  const write = (bytes: Buffer) => {
    const isOn = kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n
    store.update((draft) => {
      draft.screen.hasConsole = isOn
    })
  }
  sys
    .at('class/vtconsole/vtcon1')
    .set('name', readOnly('(M) frame buffer device\n'))
    .set('bind', { ...readOnly(isDrawn ? '1\n' : '0\n'), write })
}

/** /proc/iomem, as far as the display goes; null on a host without the firmware's framebuffer. */
export function screenMemory({ scenario }: Machine, { screen }: Snapshot): string | null {
  const { framebuffer } = scenario
  const display = displayOf(scenario)
  if (framebuffer === undefined || display === undefined) return null
  const [start, end, held] = framebufferMemory(display, framebuffer)
  const isSimple = framebuffer.driver === 'simple-framebuffer'
  const holders = screen.isGone
    ? []
    : [
        // it belongs to the platform device, whatever driver it has
        ...(isSimple ? ['BOOTFB'] : []),
        ...(screen.driver === null ? [] : [holderOf[framebuffer.driver]]),
      ]
  const lines = [
    `${range(start, end)} : PCI Bus ${display.address.slice(0, 7)}`,
    `  ${range(start, end)} : ${display.address}`,
    ...holders.map((holder, index) => `${'  '.repeat(index + 2)}${range(start, held)} : ${holder}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

const holderOf = { 'efi-framebuffer': 'efifb', 'vesa-framebuffer': 'vesafb', 'simple-framebuffer': 'simplefb' } as const

function range(first: bigint, last: bigint): string {
  return [first, last].map((address) => address.toString(16).padStart(8, '0')).join('-')
}
