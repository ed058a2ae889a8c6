import type { ScenarioSriov } from './scenario.ts'

/** Addresses of the virtual functions: routing ids are counted through functions, devices, buses. */
export function vfAddresses(physfn: string, { totalVfs, offset, stride }: ScenarioSriov): string[] {
  const [domain = '', bus = '', device = '', fn = ''] = physfn.split(/[:.]/)
  const first = Number.parseInt(bus, 16) * 256 + Number.parseInt(device, 16) * 8 + Number(fn) + offset
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  return Array.from({ length: totalVfs }, (_, index) => {
    const id = first + index * stride
    return `${domain}:${hex(id >>> 8)}:${hex((id >>> 3) & 0x1f)}.${id & 7}`
  })
}
