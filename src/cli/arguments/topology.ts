import { printable } from '../../base/units.ts'
import type { QemuTopology } from '../../lifecycle/guest/qemu-topology.ts'
import { type Option, usageError } from '../command/command.ts'

const topologies: Readonly<Record<QemuTopology, string>> = {
  ports: 'each behind a root port of its own (default)',
  flat: 'each on bus 0',
  bridge: 'all behind one bridge, as conventional PCI',
  'bridge-per-group': 'a bridge for each IOMMU group',
}

/** `--topology`: the place of devices on a guest's PCI buses. */
export const topology: Option<QemuTopology> = {
  kind: 'option',
  alias: 't',
  value: 'NAME',
  completes: Object.keys(topologies),
  parse: parseTopology,
  describe: Object.entries(topologies)
    .map(([name, where]) => `${name}: ${where}`)
    .join('; '),
}

function parseTopology(given: string): QemuTopology {
  if (isTopology(given)) return given
  throw usageError(`--topology '${printable(given)}' is none of ${Object.keys(topologies).join(', ')}`)
}

function isTopology(text: string): text is QemuTopology {
  return Object.hasOwn(topologies, text)
}
