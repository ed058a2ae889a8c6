import { expect, test } from 'vitest'
import { escaped, parsePciAddress, parseUuid, printable, unsignedOrNull } from '../../src/base/units.ts'
import { forTerminal } from '../../src/cli/io/paint.ts'
import { accountId } from '../../src/host/accounts.ts'
import { deviceNameOrNull } from '../../src/host/device-name.ts'
import { memlockLimit } from '../../src/host/memlock-limit.ts'
import { virtualMachineOf } from '../../src/host/virtual-machine.ts'
import type { HostFiles } from '../../src/kernel/kernel.ts'
import { parseLogRecord } from '../../src/kernel/kernel-log.ts'
import { hostFiles } from '../../src/kernel/linux-files.ts'
import { othersAtNextBoot } from '../../src/lifecycle/bindings/next-boot.ts'
import { mdevctlRule } from '../../src/lifecycle/boot/mdevctl-rule.ts'
import { parseAttributes, parseSupports } from '../../src/lifecycle/callouts/protocol.ts'
import { parseDefinition } from '../../src/lifecycle/definition/definition.ts'
import { DeviceGraph } from '../../src/lifecycle/in-use/device-graph.ts'
import { readMounts, readSwaps } from '../../src/lifecycle/in-use/mounts.ts'
import { sharedFolderUses } from '../../src/lifecycle/in-use/shared-folder-uses.ts'
import { parseTypeDetails } from '../../src/lifecycle/kinds/mdev/type-details.ts'
import { framebufferOf, readCreatableTypes } from '../../src/lifecycle/kinds/nvidia-vgpu/vgpu-types.ts'
import { parseGpuFilter } from '../../src/lifecycle/spec/gpu-ids.ts'
import { parseSpec } from '../../src/lifecycle/spec/parse-spec.ts'
import { readScenario } from '../../src/mock/scenario/read-scenario.ts'
import { parseState } from '../../src/mock/state/parse-state.ts'
import { stub } from './stub.ts'

const card = parsePciAddress('3b:00.0')

/** A host of which every file holds this text. */
function hostOf(text: string): HostFiles {
  return stub(hostFiles('/'), {
    read: () => text,
    readlink: () => 'mnt:[1]',
    kind: () => 'file',
    list: () => ['1', 'vfio.conf'],
  })
}

function sharedFolders(files: HostFiles): unknown {
  const graph = stub(new DeviceGraph(files), {
    below: () => [{ kind: 'virtio', link: '/sys/virtio3', name: 'virtio3', path: '/sys/virtio3' }],
  })
  return sharedFolderUses(files, graph, [], card)
}

/** Each with pieces that its patterns begin with, or go on with, over and over. */
const parsers: readonly [name: string, parse: (text: string) => unknown, ...pieces: string[]][] = [
  ['a spec', specOf, '- ', '- a\n', '[],', 'k: 1\n', '- &a 1\n- *a\n', '# c\n', '- !x a\n', '@\n', '? a\n', '\n', '"'],
  ['one scalar of a spec', (text) => specOf(`version: "${text}"`), ' ', '\\n', "'", '\n ', '1'],
  ['a list of a spec', (text) => specOf(`[${text}]`), '1,', ',', '{a},', 'a: 1,', '#\n', ' '],
  ['a definition', (text) => parseDefinition(`{"mdev_type": ${text}`, 'x'), '[', '{"a":', '1', '" '],
  ['attributes of a definition', definitionWith, '{"a": "b"},', '{},', '1,'],
  ['what a script answers', (text) => [parseAttributes(`[${text}1]`), parseSupports(text)], '{},', '1,', '\0', '['],
  ['a record of the log', parseLogRecord, '6,', '1,2,3,-;', ';', ' SUBSYSTEM=pci\n', '1'],
  ['a type’s description', parseTypeDetails, 'a=', 'a= ', ' ', '\r', 'a = \r', '1 ', '1', '640x', ',', '1 MB '],
  ['a value of a type’s description', (text) => parseTypeDetails(`a=b${text}c\rd`), ' ', '\r', '= '],
  ['types that can be made', (text) => readCreatableTypes(hostOf(`1:${text}x\ry`), card), ' ', '1 : ', '\n1: ', '\r'],
  ['the framebuffer in a name', framebufferOf, '-1Q', '-1QME', '-', '1', '-1QMEALL'],
  ['the name of a device', deviceNameOrNull, 'mdev_', 'a_', 'pci_', '0', ':', '{', '-'],
  ['a UUID', parseUuid, '{', 'a', '-', 'urn:uuid:'],
  ['a number', unsignedOrNull, '0', '0x', 'f'],
  [
    'a text to show',
    (text) => [escaped(text), printable(text), forTerminal(text, null)],
    '\n',
    '\ufdd0',
    '\x1b',
    'a',
    '😀',
  ],
  ['a command line of QEMU', (text) => virtualMachineOf(['kvm', '-name', text]), ',', ',,', 'a', 'guest=', ',,,'],
  ['a filter of GPUs', parseGpuFilter, '_', '0_', '0x', '1', ':'],
  ['mounts', (text) => readMounts(hostOf(text)), ' ', ' - ', '\\040', ',logdev=', '1 2 3:4 / /a - x y z\n'],
  ['swaps', (text) => readSwaps(hostOf(`a\n${text}`)), ' ', '\\040', '/a file\n'],
  ['the tag of a shared folder', (text) => sharedFolders(hostOf(`${text}x`)), '\0', '\n', 'a'],
  [
    'settings of modprobe',
    (text) => othersAtNextBoot(hostOf(text), { bus: 'pci', name: card }),
    ' ',
    'options vfio-pci ',
    ' ids=',
    ' vfio-pci.ids=,',
    'softdep a pre: ',
    'add_drivers+=',
    'vfio-pci ',
  ],
  ['a rule of udev', (text) => mdevctlRule(hostOf(text)), '/', '/mdevctl', '/mdevctl start', ' start-parent-mdevs'],
  ['names of groups', (text) => accountId(hostOf(text), 'group', 'kvm'), ':', 'a:x:1:\n', '\n'],
  ['limits', (text) => memlockLimit({ files: hostOf(text) }), 'Max locked memory ', ' ', 'CapEff:\t', 'VmLck: '],
  ['a scenario', (text) => readScenario(`{"devices": [${text}1]}`, 'x'), '1,', '[', '{"a":1},'],
  ['a mock’s state', parseState, '[', '{"a":', '1'],
]

function specOf(text: string): unknown {
  return parseSpec(text, 'x')
}

function definitionWith(attributes: string): unknown {
  return parseDefinition(`{"mdev_type": "a", "start": "auto", "attrs": [${attributes}1]}`, 'x')
}

const short = 2048
const factor = 16
/** Between linear, 16 times as long for 16 times the text, and quadratic, 256 times: the machine may be busy. */
const maxTimesLonger = 100
/** Below this a time says nothing. */
const minMs = 0.5

/** The least of three times, in milliseconds; what it says of the text is not the question. */
function timeOf(parse: (text: string) => unknown, piece: string, length: number): number {
  const text = piece.repeat(length / piece.length)
  const times = [0, 1, 2].map(() => {
    const began = performance.now()
    try {
      parse(text)
    } catch {
      // refused is read too
    }
    return performance.now() - began
  })
  return Math.min(...times)
}

test.each(parsers)('%s of sixteen times the length takes about sixteen times as long', (_name, parse, ...pieces) => {
  for (const piece of pieces) {
    const before = Math.max(timeOf(parse, piece, short), minMs)
    expect(timeOf(parse, piece, factor * short) / before, JSON.stringify(piece)).toBeLessThan(maxTimesLonger)
  }
})
