import { expect } from 'vitest'

/** One command line of the main job, and all that it says. `{group}` stands for the number of the IOMMU group. */
interface Step {
  readonly does: string
  readonly args: readonly string[]
  readonly stdout: string
  readonly stderr: string
}

export interface Output {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** A mediated device's whole life on a host with the kernel's sample serial card, mtty. */
export const mainJob: readonly Step[] = [
  {
    does: 'shows what the card offers',
    args: ['types', '-p', 'mtty'],
    stdout: `\
PARENT  TYPE    NAME                FREE  API
mtty    mtty-1  Single port serial  24    vfio-pci
mtty    mtty-2  Dual port serial    12    vfio-pci
`,
    stderr: '',
  },
  {
    does: 'defines a device',
    args: ['define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2'],
    stdout: '',
    stderr: `defined ${uuid} on mtty (mtty-2)\n`,
  },
  {
    does: 'starts it',
    args: ['start', uuid],
    stdout: '',
    stderr: `started ${uuid} on mtty (mtty-2), group {group}, /dev/vfio/{group}\n`,
  },
  {
    does: 'lists it',
    args: ['list', uuid, '--json'],
    stdout: `\
{
  "devices": [
    {
      "kind": "mdev",
      "name": "${uuid}",
      "uuid": "${uuid}",
      "parent": "mtty",
      "type": "mtty-2",
      "typeName": "Dual port serial",
      "active": true,
      "definition": {
        "type": "mtty-2",
        "start": "manual",
        "attributes": []
      },
      "group": {group},
      "node": "/dev/vfio/{group}",
      "users": []
    }
  ],
  "warnings": []
}
`,
    stderr: '',
  },
  {
    does: 'opens it and shows its regions and interrupts',
    args: ['inspect', uuid],
    stdout: `\
device      ${uuid}
parent      mtty
type        mtty-2 (Dual port serial)
definition  start manual
group       {group}, /dev/vfio/{group}
flags       pci
{iommu}

INDEX  REGION  SIZE  FLAGS
0      bar0    0x8   read write
1      bar1    0x8   read write
2      bar2    0     read write
3      bar3    0     read write
4      bar4    0     read write
5      bar5    0     read write
6      rom     0     read write
7      config  0xff  read write
8      vga     0     read write

INDEX  INTERRUPT  COUNT  FLAGS
0      intx       1      eventfd maskable automasked
1      msi        1      eventfd noresize
4      req        1      eventfd noresize

OFFSET  REGISTER               VALUE
0x00    vendor_id              0x4348
0x02    device_id              0x3253
0x04    command                0x0001
0x06    status                 0x0200
0x08    revision_id            0x10
0x09    programming_interface  0x02
0x0a    class_code             0x0700
0x10    bar0                   0x00000001
0x14    bar1                   0x00000001
0x2c    subsystem_vendor_id    0x4348
0x2e    subsystem_id           0x3253
0x3d    interrupt_pin          0x01

no PCI capabilities
`,
    stderr: '',
  },
  {
    does: 'reads a register of its configuration space',
    args: ['read', uuid, 'config', '0', '--width', '32'],
    stdout: '0x00000000: 0x32534348\n',
    stderr: '',
  },
  {
    does: 'dumps its configuration space',
    args: ['dump', uuid, 'config', '--length', '64'],
    stdout: `\
00000000  48 43 53 32 01 00 00 02  10 02 00 07 00 00 00 00  |HCS2............|
00000010  01 00 00 00 01 00 00 00  00 00 00 00 00 00 00 00  |................|
00000020  00 00 00 00 00 00 00 00  00 00 00 00 48 43 53 32  |............HCS2|
00000030  00 00 00 00 00 00 00 00  00 00 00 00 00 01 00 00  |................|
`,
    stderr: '',
  },
  {
    does: 'writes 15 bytes to its UART',
    args: ['write', uuid, 'bar0', '0', '--fifo', '--text', 'hello from vfio'],
    stdout: '',
    stderr: `wrote 15 bytes to bar0 at 0x0 of ${uuid}\n`,
  },
  {
    does: 'reads the same 15 back',
    args: ['read', uuid, 'bar0', '0', '-n', '15', '--fifo', '--text'],
    stdout: 'hello from vfio\n',
    stderr: '',
  },
  {
    does: 'stops it',
    args: ['stop', uuid],
    stdout: '',
    stderr: `stopped ${uuid} on mtty (mtty-2)\n`,
  },
  {
    does: 'forgets its definition',
    args: ['undefine', uuid],
    stdout: '',
    stderr: `undefined ${uuid} on mtty (mtty-2)\n`,
  },
  {
    does: 'leaves nothing behind',
    args: ['list', '-p', 'mtty'],
    stdout: '',
    stderr: 'no virtual device matches\n',
  },
]

/** Checks a step's output to the letter. The first group's number that is seen holds for all steps. */
export function expectStep(step: Step, output: Output, seen: { group?: string | undefined }): void {
  seen.group ??= /group (\d+)/.exec(output.stderr)?.[1]
  const filled = (text: string) => text.replaceAll('{group}', seen.group ?? '{group}')
  // Kernels differ in what they offer: which of it, the contract suite says.
  const stdout = output.stdout.replace(/^IOMMU {7}\S+, pages from .*(\n(IOVA| {4}) .*)*$/m, '{iommu}')
  expect({ ...output, stdout }).toEqual({ status: 0, stdout: filled(step.stdout), stderr: filled(step.stderr) })
}
