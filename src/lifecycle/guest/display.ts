/** The display that a virtual device has, as QEMU's vfio-pci shows it (hw/vfio/display.c). */
export interface DeviceDisplay {
  /** Its picture comes as a dma-buf, which QEMU shows with OpenGL alone, or from a region of the device. */
  readonly plane: 'dmabuf' | 'region'
  /** It has an EDID region, by which the guest is told a resolution: QEMU refuses `xres` and `yres` without. */
  readonly edid: boolean
}

const byType: readonly (readonly [form: RegExp, display: DeviceDisplay])[] = [
  // samples/vfio-mdev/mdpy.c and mbochs.c
  [/^mdpy-/, { plane: 'region', edid: false }],
  [/^mbochs-/, { plane: 'dmabuf', edid: true }],
  // drivers/gpu/drm/i915/gvt
  [/^i915-GVTg/, { plane: 'dmabuf', edid: true }],
  [/^nvidia-/, { plane: 'region', edid: false }],
]

/** The display of a type: only an open device could tell for itself. Null for a type that is not known to have one. */
export function displayOf(kind: string, type: string): DeviceDisplay | null {
  if (kind === 'vgpu') return { plane: 'region', edid: false }
  return byType.find(([form]) => form.test(type))?.[1] ?? null
}
