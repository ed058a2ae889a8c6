import * as v from 'valibot'
import { schemaFault } from '../../schema-fault.ts'
import { invalidSpec } from './invalid-spec.ts'
import type { SpecDevices, SpecParent } from './spec.ts'

const deviceId = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-fA-F]{8}$/, 'must be a device and vendor id such as 0x20B510DE'),
  v.transform((id) => id.slice(2, 6).toLowerCase()),
)

const number = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_536))

/** NVIDIA vgpu-device-manager's file: configs by their names, each a list of what which GPUs carry. */
const vgpuConfig = v.strictObject({
  version: v.literal('v1'),
  'vgpu-configs': v.record(
    v.string(),
    v.array(
      v.strictObject({
        'device-filter': v.optional(
          v.union([
            v.array(deviceId),
            v.pipe(
              deviceId,
              v.transform((id) => [id]),
            ),
          ]),
          [],
        ),
        devices: v.union([v.literal('all'), v.array(number)]),
        'vgpu-devices': v.nullish(v.record(v.string(), number)),
      }),
    ),
  ),
})

export function isVgpuConfig(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'vgpu-configs' in content
}

/** One config of it. As its own tool does, it says all that a GPU carries: what it does not name goes. */
export function parseVgpuConfig(content: unknown, path: string, label: string | undefined): SpecParent[] {
  const result = v.safeParse(vgpuConfig, content)
  if (!result.success) {
    const { place, what } = schemaFault(result.issues)
    throw invalidSpec(path, place ?? 'the file', what)
  }
  const configs = result.output['vgpu-configs']
  const labels = Object.keys(configs).sort()
  const config = label === undefined || !Object.hasOwn(configs, label) ? undefined : configs[label]
  if (config === undefined) {
    throw invalidSpec(path, 'vgpu-configs', `which one? --config ${labels.join(' or ')}`)
  }
  return config.map(({ 'device-filter': ids, devices, 'vgpu-devices': wanted }) => ({
    choice: { gpus: devices, ids },
    sriov: null,
    devices: Object.entries(wanted ?? {}).map(
      ([type, count]): SpecDevices => ({ type, wanted: { count }, start: 'auto', attributes: [], owner: null }),
    ),
    others: 'remove',
  }))
}
