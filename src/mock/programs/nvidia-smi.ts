import type { ProgramEnd, ProgramRun } from '../../kernel/kernel.ts'
import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciDevices, pciRecord } from '../pci/devices.ts'
import { type Gpu, queryText } from './gpu-query.ts'
import { migCommand } from './nvidia-smi-mig.ts'
import { setHeterogeneous, setMigMode } from './nvidia-smi-modes.ts'
import { done, failed } from './nvml-status.ts'
import { supportedTypes } from './supported-types.ts'

/**
 * NVIDIA's tool for its cards, as far as vfioctl asks it, of one card (`-i` with its PCI address): `-q`; `-mig 0|1`;
 * `mig -lgip`, `-lgi`, `-cgi LIST -C`, `-dci`, `-dgi`; `vgpu -shm 0|1`, `-s -v`. Texts and exit statuses are those that
 * public logs of real cards show; each function says which. Anything else is refused, as its answer is not known well
 * enough.
 */
export function nvidiaSmi(machine: Machine, run: ProgramRun): ProgramEnd {
  const words = [...run.arguments]
  const at = words.indexOf('-i')
  const [, which = ''] = at === -1 ? [] : words.splice(at, 2)
  const index = gpus(machine).findIndex(({ address }) => address === which.toLowerCase())
  const device = gpus(machine)[index]
  if (device === undefined) return failed('NOT_FOUND', 'No devices were found\n')
  const gpu: Gpu = { machine, device, index }
  const [first, second, third, ...more] = words
  if (first === '-q' && second === undefined) return { status: 0, timedOut: false, stdout: queryText(gpu), stderr: '' }
  if (first === '-mig' && isSwitch(second) && third === undefined) return setMigMode(gpu, second === '1')
  if (first === 'mig' && second !== undefined) return migCommand(gpu, second, third, more)
  if (first === 'vgpu' && second === '-s' && third === '-v' && more.length === 0) return done(supportedTypes(gpu))
  if (first === 'vgpu' && second === '-shm' && isSwitch(third) && more.length === 0)
    return setHeterogeneous(gpu, third === '1')
  return failed('INVALID_ARGUMENT', 'Invalid combination of input arguments. Please run nvidia-smi -h for help.\n')
}

function isSwitch(word: string | undefined): word is '0' | '1' {
  return word === '0' || word === '1'
}

/** Cards with NVIDIA's own driver, in the order in which it counts them: the bus's. */
function gpus({ scenario, store }: Machine): PciDevice[] {
  const state = store.read()
  return pciDevices(scenario, state).filter((device) => {
    const isCard = device.vendor === '0x10de' && device.class.startsWith('0x03') && device.physfn === undefined
    return isCard && pciRecord(state, device).driver === 'nvidia'
  })
}
