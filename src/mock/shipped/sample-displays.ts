import type { ScenarioParent } from '../scenario/scenario.ts'

/** The kernel's sample displays, as their modules offer them once they are loaded. */
export const sampleDisplays: readonly ScenarioParent[] = [
  parent('mdpy', {
    capacity: { instances: 4 },
    whenFull: 'EUSERS',
    types: (
      [
        ['vga', 640, 480],
        ['xga', 1024, 768],
        ['hd', 1920, 1080],
      ] as const
    ).map(([name, width, height]) => ({
      id: `mdpy-${name}`,
      name: `mdpy-${name}`,
      description: `virtual display, ${width}x${height} framebuffer`,
      uses: { instances: 1 },
      model: { kind: 'mdpy', width, height },
      attributes: [{ path: 'vendor/resolution', value: `${width}x${height}`, access: 'r' }],
    })),
  }),
  parent('mbochs', {
    capacity: { megabytes: 256 },
    whenFull: 'ENOSPC',
    types: (
      [
        ['small', 4, 800, 600],
        ['medium', 16, 1920, 1440],
        ['large', 64, 0, 0],
      ] as const
    ).map(([name, megabytes, maxWidth, maxHeight]) => ({
      id: `mbochs-${name}`,
      name: `mbochs-${name}`,
      description: `virtual display, ${megabytes} MB video memory`,
      uses: { megabytes },
      model: { kind: 'mbochs', megabytes, maxWidth, maxHeight },
      attributes: [{ path: 'vendor/memory', value: `${megabytes} MB`, access: 'r' }],
    })),
  }),
]

function parent(name: string, what: Pick<ScenarioParent, 'capacity' | 'whenFull' | 'types'>): ScenarioParent {
  const rest = { deviceApi: 'vfio-pci', oneTypeAtATime: false, attributes: [] }
  return { name, virtualClass: name, driver: name, module: name, ...rest, ...what }
}
