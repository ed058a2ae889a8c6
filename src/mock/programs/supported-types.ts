import { busId, type Gpu } from './gpu-query.ts'

/**
 * Text of `nvidia-smi vgpu -s -v`, without what nothing here reads: lines, their order and their columns as a public
 * log of driver 580.105.06 on an RTX PRO 6000 Blackwell has them (bigstack-oss/cubecos), whatever mode the card is in.
 * One instance carries vGPUs of one framebuffer size; the card carries as many as its instances of that profile do.
 */
export function supportedTypes({ device }: Gpu): string {
  const { types = [], mig, capacity = {} } = device.vgpus ?? {}
  const blocks = types.map(({ id, name, model, gpuInstance }) => {
    const framebuffer = model.kind === 'vgpu' ? model.framebufferMiB : 0
    const profile = mig?.profiles.find((it) => it.id === gpuInstance?.profile)
    const instances = profile === undefined || mig === undefined ? 0 : Math.floor(mig.units / profile.units)
    const shared = Math.floor((capacity['framebufferMiB'] ?? 0) / (framebuffer || 1))
    const most = gpuInstance === undefined ? shared : instances * gpuInstance.most
    const lines: readonly (readonly [string, string])[] = [
      ['Name', name],
      ['GPU Instance Profile ID', String(gpuInstance?.profile ?? 'N/A')],
      ['Max Instances', String(most)],
      ['Max Instances Per GI', String(gpuInstance?.most ?? 'N/A')],
      ['FB Memory', `${framebuffer} MiB`],
    ]
    return [
      `    ${'vGPU Type ID'.padEnd(38)}: 0x${id.toString(16)}`,
      ...lines.map(([label, value]) => `        ${label.padEnd(34)}: ${value}`),
    ].join('\n')
  })
  return `${[`GPU ${busId(device)}`, ...blocks].join('\n')}\n`
}
