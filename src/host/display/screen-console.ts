import type { HostFiles } from '../../kernel/kernel.ts'
import { listOrNone, readOrEmpty } from '../sysfs/readable.ts'
import { placeOf } from './boot-display.ts'

const graphics = '/sys/class/graphics'
const vtconsoles = '/sys/class/vtconsole'

/** The host's text console on a device's screen. */
export interface ScreenConsole {
  /** The framebuffer that it is drawn on: 'fb0'. */
  readonly framebuffer: string
  /** The file that takes the console from it (0), and gives it back (1). */
  readonly control: string
}

/**
 * The text console on a framebuffer that lies below a folder of /sys/devices; null if it is not shown there. The kernel
 * shows all of it on the first framebuffer, unless its command line says otherwise.
 */
export function screenConsole(files: HostFiles, folder: string): ScreenConsole | null {
  const own = `${placeOf(files, folder)}/`
  const [first] = listOrNone(files, graphics)
    .filter((name) => /^fb\d{1,2}$/.test(name))
    .sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)))
  if (first === undefined || !placeOf(files, `${graphics}/${first}`).startsWith(own)) return null
  const drawing = listOrNone(files, vtconsoles).find(
    (name) =>
      readOrEmpty(files, `${vtconsoles}/${name}/name`).includes('frame buffer device') &&
      readOrEmpty(files, `${vtconsoles}/${name}/bind`).trim() === '1',
  )
  return drawing === undefined ? null : { framebuffer: first, control: `${vtconsoles}/${drawing}/bind` }
}
