/** The scenarios that ship, and what each is. */
export const scenarioNames: {
  readonly [Name in 'demo' | 'gpu-host' | 'a40-host' | 'blackwell' | 'arc-pro' | 'instinct' | 'mainframe']: string
} = {
  demo: 'a T4 shared as mediated devices, an Intel GPU with GVT-g, the kernel’s sample serial card',
  'gpu-host':
    'GPUs with SR-IOV and vendor-specific VFIO beside a time-sliced T4, and a network card with virtual functions',
  'a40-host':
    'an A40 whose virtual functions are parents of mediated devices, a T4 that makes none, a QAT card that makes all',
  blackwell: 'two RTX PRO 6000 with NVIDIA’s driver for vGPUs, which mix framebuffer sizes or are cut by MIG',
  'arc-pro': 'two Intel Arc Pro cards and a GPU of the processor, whose virtual functions share VRAM and time',
  instinct: 'two AMD Instinct GPUs whose driver gim makes virtual functions as it is loaded',
  mainframe: 'an IBM Z: crypto cards for vfio_ap, DASD subchannels for vfio_ccw',
}

/** A scenario that ships. */
export type ScenarioName = keyof typeof scenarioNames

/** True for the name of a scenario that ships. */
export function isScenarioName(name: string): name is ScenarioName {
  return Object.hasOwn(scenarioNames, name)
}
