import { describe, expect, test } from 'vitest'
import { readPciTree } from '../../../src/host/pci-tree.ts'
import type { Warning } from '../../../src/host/warning.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { HostTree } from '../host-tree.ts'

type Attributes = Readonly<Record<string, string>>

/** A PCI device in its folder, with a link to it on the bus. */
function pci(tree: HostTree, place: string, attributes: Attributes = {}): HostTree {
  const address = place.slice(place.lastIndexOf('/') + 1)
  const ids = { class: '0x060400\n', vendor: '0x8086\n', device: '0x1234\n' }
  for (const [name, text] of Object.entries({ ...ids, ...attributes })) tree.file(`sys/devices/${place}/${name}`, text)
  return tree.link(`sys/bus/pci/devices/${address}`, `../../../devices/${place}`)
}

function read(tree: HostTree) {
  const warnings: Warning[] = []
  return { roots: readPciTree(hostFiles(tree.root), warnings), warnings }
}

/** Names alone, each with those behind it. */
function names(nodes: ReturnType<typeof read>['roots']): unknown {
  return nodes.map(({ name, children }): unknown => (children.length === 0 ? name : [name, names([...children])]))
}

describe('the tree of PCI devices', () => {
  test('has each device below the bridge that its folder is in, and each root bus by its name', () => {
    const tree = new HostTree()
    pci(tree, 'pci0000:00/0000:00:1c.0')
    pci(tree, 'pci0000:00/0000:00:1c.0/0000:01:00.0')
    pci(tree, 'pci0000:00/0000:00:1c.0/0000:01:00.0/0000:02:08.0')
    pci(tree, 'platform/40000000.pcie/pci0001:00/0001:00:00.0')
    expect(names(read(tree).roots)).toEqual([
      ['pci0000:00', [['0000:00:1c.0', [['0000:01:00.0', ['0000:02:08.0']]]]]],
      ['pci0001:00', ['0001:00:00.0']],
    ])
  })

  test('has a domain of Intel’s VMD as a root bus, though a PCI device holds its folder', () => {
    const tree = new HostTree()
    pci(tree, 'pci0000:00/0000:00:0e.0')
    pci(tree, 'pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:1d.0')
    expect(names(read(tree).roots)).toEqual([
      ['pci0000:00', ['0000:00:0e.0']],
      ['pci10000:e0', ['10000:e0:1d.0']],
    ])
  })

  test('has each device once, even if a link says that it is behind itself', () => {
    const tree = new HostTree()
    tree.file('sys/devices/0000:01:00.0/0000:02:00.0/0000:01:00.0/vendor', '0x8086\n')
    tree.link('sys/bus/pci/devices/0000:02:00.0', '../../../devices/0000:01:00.0/0000:02:00.0')
    tree.link('sys/bus/pci/devices/0000:01:00.0', '../../../devices/0000:01:00.0/0000:02:00.0/0000:01:00.0')
    expect(names(read(tree).roots)).toEqual([['pci0000:01', [['0000:01:00.0', ['0000:02:00.0']]]]])
  })

  test.each([
    ['without the files of a reset', {}, { canReset: false, resetMethods: [] }],
    ['of a kernel that names no methods', { reset: '' }, { canReset: true, resetMethods: [] }],
    ['with two methods', { reset: '', reset_method: 'flr bus\n' }, { canReset: true, resetMethods: ['flr', 'bus'] }],
    ['whose methods are all turned off', { reset: '', reset_method: '' }, { canReset: false, resetMethods: [] }],
    ['whose methods are odd', { reset: '', reset_method: 'flr \u001b[2J' }, { canReset: true, resetMethods: ['flr'] }],
    ['near to a node', { numa_node: '1\n' }, { numaNode: 1 }],
    ['near to no node', { numa_node: '-1\n' }, { numaNode: null }],
  ])('says of a device %s what sysfs says', (_what, attributes: Attributes, expected) => {
    const { roots, warnings } = read(pci(new HostTree(), 'pci0000:00/0000:00:02.0', attributes))
    expect(roots[0]?.children[0]).toMatchObject(expected)
    expect(warnings).toEqual([])
  })
})
