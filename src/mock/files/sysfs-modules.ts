import type { Scenario } from '../scenario.ts'
import { type Directory, readOnly } from './tree.ts'

/** /sys/module: what is loaded, and its parameters. */
export function addModules(sys: Directory, { modules }: Scenario): void {
  for (const [name, parameters] of Object.entries(modules)) {
    const module = sys.at(`module/${name}`).set('initstate', readOnly('live\n'))
    for (const [parameter, value] of Object.entries(parameters)) {
      module.at('parameters').set(parameter, readOnly(`${value}\n`))
    }
  }
}
