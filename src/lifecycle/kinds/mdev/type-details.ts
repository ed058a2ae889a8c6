import type { TypeDetails } from '../../device/device-type.ts'

/**
 * Reads the descriptions that drivers write, each in its own way:
 * NVIDIA `num_heads=4, framebuffer=1024M, max_resolution=5120x2880, max_instance=16`; GVT-g `resolution: 1920x1200`
 * among lines; mdpy `virtual display, 640x480 framebuffer`; mbochs `virtual display, 4 MB video memory`.
 */
export function parseTypeDetails(description: string): TypeDetails {
  const fields = new Map<string, string>()
  for (const part of description.split(/[,\n]/)) {
    const [, name, value = ''] = /^([a-z_]+)\s*[=:](.+)$/is.exec(part.trim()) ?? []
    if (name !== undefined) fields.set(name.toLowerCase(), value.trim())
  }
  const prose = /(\d{1,6})\s*MB video memory/.exec(description)?.[1]
  const shownResolution = /(\d{2,5}x\d{2,5}) framebuffer/.exec(description)?.[1]
  return {
    framebufferMiB: mebibytes(fields.get('framebuffer')) ?? count(prose),
    maxResolution: resolution(fields.get('max_resolution') ?? fields.get('resolution') ?? shownResolution),
    heads: count(fields.get('num_heads')),
    maxInstances: count(fields.get('max_instance')),
  }
}

function count(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null
}

function mebibytes(text: string | undefined): number | null {
  const [, size, unit] = /^(\d{1,9})\s*([MG])B?$/i.exec(text ?? '') ?? []
  if (size === undefined) return null
  return Number(size) * (unit?.toUpperCase() === 'G' ? 1024 : 1)
}

function resolution(text: string | undefined): string | null {
  return text !== undefined && /^\d{1,6}x\d{1,6}$/.test(text) ? text : null
}
