import { expect, test } from 'vitest'
import { pciAddressOrNull } from '../../../src/base/units.ts'
import type { Warning } from '../../../src/host/warning.ts'
import { openLinux } from '../../../src/kernel/linux.ts'
import { readVgpuFunction } from '../../../src/lifecycle/kinds/nvidia-vgpu/vgpu-functions.ts'
import { readCreatableTypes } from '../../../src/lifecycle/kinds/nvidia-vgpu/vgpu-types.ts'
import { HostTree } from '../host-tree.ts'

const address = pciAddressOrNull('41:00.4')
const folder = 'sys/bus/pci/devices/0000:41:00.4'

function creatable(text: string) {
  const warnings: Warning[] = []
  const tree = new HostTree().file(`${folder}/nvidia/creatable_vgpu_types`, text)
  const { files } = openLinux({ root: tree.root })
  return { types: address === null ? [] : readCreatableTypes(files, address, warnings), warnings }
}

test('a list has a header or none, and names with spaces', () => {
  const types = [{ id: 1147, name: 'NVIDIA RTX Pro 6000 Blackwell DC-3Q' }]
  const line = '1147  : NVIDIA RTX Pro 6000 Blackwell DC-3Q\n'
  expect(creatable(`ID    : vGPU Name\n${line}`)).toEqual({ types, warnings: [] })
  expect(creatable(line)).toEqual({ types, warnings: [] })
  expect(creatable('')).toEqual({ types: [], warnings: [] })
})

test.each(['0 : none', '4294967296 : too large', '5 : ', `6 : ${'x'.repeat(200)}`, '7 : a\u001b[2Jb'])(
  'a line %j is a warning, and the types beside it stay',
  (line) => {
    const { types, warnings } = creatable(`${line}\n8 : good\n`)
    expect(types).toEqual([{ id: 8, name: 'good' }])
    expect(warnings).toMatchObject([{ path: `/${folder}/nvidia/creatable_vgpu_types` }])
  },
)

test('a list without an end is read as far as a card can have types', () => {
  const { types } = creatable(Array.from({ length: 50_000 }, (_, i) => `${i + 1} : T-${i}`).join('\n'))
  expect(types).toHaveLength(4096)
})

test.each(['', 'x', '-1', '4294967296', '1 2'])('a function whose type is %j has none that can be told', (text) => {
  const warnings: Warning[] = []
  const tree = new HostTree()
    .file(`${folder}/nvidia/current_vgpu_type`, text)
    .link(`${folder}/physfn`, '../0000:41:00.0')
  const { files } = openLinux({ root: tree.root })
  expect(address && readVgpuFunction(files, address, warnings)).toMatchObject({ physfn: '0000:41:00.0', type: null })
  expect(warnings).toHaveLength(1)
})
