import type { Scenario } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'

/** The program that loads modules, on hosts that have any to load. */
export const modprobePath = '/usr/sbin/modprobe'

/** True if a driver of the PCI bus is vfio-pci, or one that is built upon it for particular devices. */
export function isVfioPci({ variantDrivers = [] }: Scenario, driver: string | null): boolean {
  return driver === 'vfio-pci' || variantDrivers.some((variant) => driver === (variant.driver ?? variant.module))
}

/** Modules of loaded PCI drivers that have no ids of their own, by the drivers: they take what they are told to. */
export function genericDrivers(
  { modules, variantDrivers = [] }: Scenario,
  state: Snapshot,
): ReadonlyMap<string, string> {
  const variants = variantDrivers.map(({ module, driver = module }) => [driver, module] as const)
  const isLoaded = (module: string) => module in modules || state.modules.includes(module)
  return new Map([...generic, ...variants].filter(([, module]) => isLoaded(module)))
}

const generic = [
  ['vfio-pci', 'vfio_pci'],
  ['pci-stub', 'pci_stub'],
  ['pci-pf-stub', 'pci_pf_stub'],
] as const

/** modules.dep of the kernel, as depmod writes it, of the modules that are loaded or can be: none needs another. */
export function modulesDep({ modules, variantDrivers = [] }: Scenario): string {
  const names = [...Object.keys(modules), ...variantDrivers.map(({ module }) => module)]
  return [...new Set(names)].map((name) => `kernel/drivers/${name}.ko:\n`).join('')
}

/** modules.alias of the kernel, as depmod writes it, as far as VFIO goes: vfio-pci takes anything. */
export function modulesAlias({ variantDrivers = [] }: Scenario): string {
  const lines = variantDrivers.flatMap(({ module, aliases }) =>
    aliases.map((alias) => `alias vfio_pci:${alias} ${module}\n`),
  )
  return [
    '# Aliases extracted from modules themselves.\n',
    'alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n',
    ...lines,
  ].join('')
}
