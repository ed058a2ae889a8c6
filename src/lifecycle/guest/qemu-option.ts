/** Properties of an object or device of QEMU's, in their order; one that is undefined is left out. */
export type QemuProperties = Readonly<Record<string, string | number | undefined>>

/**
 * The value of `-device` or `-object`: 'vfio-pci,host=0000:3b:00.0'. QEMU takes a comma in a value if it is doubled.
 */
export function qemuOption(driver: string, properties: QemuProperties): string {
  const given = Object.entries(properties).flatMap(([name, value]) => {
    return value === undefined ? [] : [`${name}=${String(value).replaceAll(',', ',,')}`]
  })
  return [driver, ...given].join(',')
}
