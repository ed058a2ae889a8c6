import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HostTree } from '../../unit/host-tree.ts'

const device = (n: number) => `11111111-0000-4000-8000-00000000000${n}`
const apAttributes = [
  { assign_adapter: '5' },
  { assign_adapter: '6' },
  { assign_domain: '0xab' },
  { assign_control_domain: '0xab' },
]

/** The host on which mdevctl was recorded: plain files, so that every write stays where it can be seen. */
export function recordedHost(kind: 'full' | 'empty' = 'full'): HostTree {
  const host = new HostTree()
  for (const path of ['sys/bus/mdev/devices', 'sys/class/mdev_bus', 'etc/mdevctl.d']) host.directory(path)
  for (const kind of ['callouts', 'notifiers']) host.directory(`usr/lib/mdevctl/scripts.d/${kind}`)
  if (kind === 'empty') return host
  type(host, '0000:00:02.0', 'i915-GVTg_V5_4', 1, 'vfio-pci', 'GVTg_V5_4', gvt(128, 512, '1920x1200', 4))
  type(host, '0000:00:02.0', 'i915-GVTg_V5_8', 0, 'vfio-pci', 'GVTg_V5_8', gvt(64, 384, '1024x768', 2))
  const t4 = 'num_heads=4, frl_config=45, framebuffer=1024M, max_resolution=5120x2880, max_instance=16'
  type(host, '0000:3b:00.0', 'nvidia-222', 16, 'vfio-pci', 'GRID T4-1B', t4)
  type(host, '0000:3b:00.0', 'nvidia-36', 4, 'vfio-pci')
  type(host, '0.0.26ab', 'vfio_ccw-io', 1, 'vfio-ccw', 'I/O subchannel (Non-QDIO)')
  type(host, 'matrix', 'vfio_ap-passthrough', 65536, 'vfio-ap', 'VFIO AP Passthrough Device')
  running(host, device(1), '0000:3b:00.0', 'nvidia-222')
  running(host, device(2), '0000:00:02.0', 'i915-GVTg_V5_4')
  defined(host, '0000:00:02.0', device(2), { mdev_type: 'i915-GVTg_V5_4', start: 'auto', attrs: [] })
  defined(host, 'matrix', device(3), { mdev_type: 'vfio_ap-passthrough', start: 'manual', attrs: apAttributes })
  defined(host, '0000:00:02.0', device(4), { mdev_type: 'i915-GVTg_V5_8', start: 'auto' })
  defined(host, '0000:3b:00.0', device(4), { mdev_type: 'nvidia-222', start: 'manual' })
  for (const [name, content] of Object.entries(callersFiles)) host.file(`in/${name}.json`, JSON.stringify(content))
  return host
}

/** Contents of the --jsonfile of recorded commands, by name. */
const callersFiles = {
  ap: { mdev_type: 'vfio_ap-passthrough', start: 'manual', attrs: apAttributes },
  startonly: { start: 'auto', attrs: [] },
  'attrs-strings': { mdev_type: 't', start: 'auto', attrs: ['a'] },
  'attrs-int': { mdev_type: 't', start: 'auto', attrs: [{ a: 1 }] },
  extra: { mdev_type: 'nvidia-222', start: 'auto', comment: 'x' },
  auto: { mdev_type: 'vfio_ap-passthrough', start: 'auto', attrs: [{ assign_adapter: '0x04' }] },
}

/** Every file below etc/ and sys/ with its content. */
export function filesOf({ root }: HostTree): Map<string, string> {
  const files = new Map<string, string>()
  for (const base of ['etc', 'sys']) {
    for (const entry of readdirSync(join(root, base), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile()) files.set(path.slice(root.length + 1), readFileSync(path, 'utf8'))
    }
  }
  return files
}

function type(
  host: HostTree,
  parent: string,
  id: string,
  available: number,
  api: string,
  name?: string,
  description?: string,
) {
  const folder = `sys/class/mdev_bus/${parent}/mdev_supported_types/${id}`
  const said = { name, description, available_instances: String(available), device_api: api, create: null }
  for (const [file, content] of Object.entries(said)) {
    if (content !== undefined) host.file(`${folder}/${file}`, content === null ? '' : `${content}\n`)
  }
}

function gvt(low: number, high: number, resolution: string, weight: number): string {
  return [
    `low_gm_size: ${low}MB`,
    `high_gm_size: ${high}MB`,
    'fence: 4',
    `resolution: ${resolution}`,
    `weight: ${weight}`,
  ].join('\n')
}

function running(host: HostTree, uuid: string, parent: string, id: string) {
  host.file(`sys/class/mdev_bus/${parent}/${uuid}/remove`, '')
  host.link(`sys/class/mdev_bus/${parent}/${uuid}/mdev_type`, `../mdev_supported_types/${id}`)
  host.link(`sys/bus/mdev/devices/${uuid}`, `../../../class/mdev_bus/${parent}/${uuid}`)
}

function defined(host: HostTree, parent: string, uuid: string, content: object) {
  host.definition(parent, uuid, JSON.stringify(content))
}
