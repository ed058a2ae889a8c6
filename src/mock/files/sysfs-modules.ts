import type { Machine } from '../machine.ts'
import type { Snapshot } from '../state/state.ts'
import { isWritable, moduleParameter, setModuleParameter } from './module-parameters.ts'
import { type Directory, readOnly, type TextFile } from './tree.ts'

/** /sys/module: what is loaded, and its parameters. */
export function addModules(sys: Directory, { scenario, store }: Machine, state: Snapshot): void {
  for (const [name, parameters] of Object.entries(scenario.modules)) {
    const module = sys.at(`module/${name}`).set('initstate', readOnly('live\n'))
    for (const parameter of Object.keys(parameters)) {
      const shown = readOnly(`${moduleParameter(scenario, state, name, parameter)}\n`)
      const write: TextFile['write'] = (bytes) =>
        store.update((draft) => setModuleParameter(draft, name, parameter, bytes))
      module.at('parameters').set(parameter, isWritable(name, parameter) ? { ...shown, write } : shown)
    }
  }
}
