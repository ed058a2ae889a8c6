import { asVfioError } from '../../base/errors.ts'
import { gimDriver } from '../../host/amd-gim.ts'
import type { Warning } from '../../host/warning.ts'
import type { Host } from '../../host.ts'
import { cardOf } from '../../lifecycle/device/parents.ts'
import type { GpuInstance } from '../../lifecycle/gpu-modes/gpu-state.ts'
import { checkNamesAreThere } from '../../lifecycle/kinds/named-device.ts'
import type { Io } from '../io/io.ts'
import { cardTree } from './card-tree.ts'
import { cardTreeText } from './card-tree-text.ts'
import { reportWarnings } from './output.ts'

/** NVIDIA's driver, whose program tells of GPU instances. */
const nvidia = 'nvidia'

/** Prints what the cards are divided into and who has it, of one parent's card or of all. */
export async function reportCardTree(host: Host, filter: { readonly parent?: string }, io: Io): Promise<void> {
  const { files } = host.kernel
  const only = filter.parent === undefined ? null : cardOf(files, filter.parent)
  const meant = only === null ? {} : { parent: only }
  const { types, warnings } = host.types(meant)
  const { devices, warnings: others } = host.list(meant)
  const { functions } = host.physicalFunctions()
  const cards = functions.filter(({ address }) => only === null || address === only)
  const untold: Warning[] = []
  const instances = new Map<string, readonly GpuInstance[]>()
  for (const { address, driver } of cards) {
    if (driver !== nvidia) continue
    try {
      const modes = await host.gpuModes(address)
      if (modes.instances.length > 0) instances.set(address, modes.instances)
    } catch (error) {
      // without NVIDIA's tool, or below another root, there is nobody to ask
      const { code, message, path } = asVfioError(error)
      if (code !== 'NOT_SUPPORTED')
        untold.push({ path: path ?? address, message: `tells no GPU instances: ${message}` })
    }
  }
  const divided = cards.filter(({ driver }) => driver === gimDriver)
  const groups = divided.length === 0 ? [] : host.groups().groups
  const functionOf = (address: string) => {
    const group = groups.find((it) => it.devices.some(({ name }) => name === address))
    const driver = group?.devices.find(({ name }) => name === address)?.driver ?? null
    return { driver, users: group?.users ?? [] }
  }
  const tree = cardTree({ types, devices, divided, functionOf, instances, cardOf: (parent) => cardOf(files, parent) })
  // the tree itself shows those that gim divides
  const isShown = ({ path }: Warning) => divided.some(({ address }) => path.endsWith(`/${address}`))
  reportWarnings([...warnings.filter((it) => !isShown(it)), ...others, ...untold], io)
  if (tree.length > 0) io.out(cardTreeText(tree, io.width()))
  else {
    checkNamesAreThere(files, filter)
    io.err(`${only ?? 'no card'} offers ${only === null ? '' : 'no '}virtual devices; is its driver loaded?\n`)
  }
}
