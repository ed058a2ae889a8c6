import { describe, expect, onTestFinished, test } from 'vitest'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { blackwell } from '../../../../src/mock/shipped/blackwell.ts'
import { asyncCodeOf } from '../machine.ts'

const card = '0000:41:00.0'
const devices = '/sys/bus/pci/devices'
const [first, second, third, fourth, fifth] = ['2', '3', '4', '5', '6'].map((n) => `0000:41:00.${n}`)

/** Fewer functions: all of it is built anew after each write. */
const scenario: Scenario = {
  ...blackwell,
  pci: blackwell.pci.map((device) => {
    return device.sriov === undefined ? device : { ...device, sriov: { ...device.sriov, totalVfs: 6 } }
  }),
}

function machine() {
  const kernel = new MockKernel(scenario, {})
  onTestFinished(() => kernel.dispose())
  const { files } = kernel
  const run = async (path: string, words: string) => {
    const { status, stdout } = await kernel.runProgram(path, { arguments: words.split(' '), timeoutMs: 1000 })
    return { status, stdout }
  }
  return {
    files,
    smi: (words: string) => run('/usr/bin/nvidia-smi', words),
    manage: (option: '-e' | '-d') => run('/usr/lib/nvidia/sriov-manage', `${option} ${card}`),
    write: (vf: string, type: number) =>
      asyncCodeOf(files.write(`${devices}/${vf}/nvidia/current_vgpu_type`, String(type))),
    types: (vf: string) =>
      [...files.read(`${devices}/${vf}/nvidia/creatable_vgpu_types`).matchAll(/^(\d+)\s*:/gm)].map(([, id]) =>
        Number(id),
      ),
    read: (vf: string, name: string) =>
      asyncCodeOf(Promise.resolve().then(() => files.read(`${devices}/${vf}/nvidia/${name}`))),
    async mode(name: string) {
      const { stdout } = await run('/usr/bin/nvidia-smi', `-q -i ${card}`)
      return new RegExp(`^ *${name} +: (.+)$`, 'm').exec(stdout)?.[1]
    },
  }
}

describe('mixed sizes, as measured on an RTX PRO 6000 with vGPU 19 (bigstack-oss/cubecos PR 1338)', () => {
  test('without the mode, the first type leaves the others its framebuffer size alone, in whatever series', async () => {
    const { manage, write, types, mode } = machine()
    await manage('-e')
    expect(await mode('Heterogeneous Time-Slice Sizes')).toBe('Supported')
    expect(await mode('vGPU Heterogeneous Mode')).toBe('Disabled')
    expect(await write(`${first}`, 1519)).toBe(null)
    expect(types(`${second}`)).toEqual([1519, 1520])
    expect(await write(`${second}`, 1523)).toBe('EIO')
    expect(await write(`${second}`, 1520)).toBe(null)
  })

  test('with the mode, sizes mix', async () => {
    const { manage, write, types, smi } = machine()
    await manage('-e')
    expect(await smi(`vgpu -i ${card} -shm 1`)).toEqual({ status: 0, stdout: '' })
    await write(`${first}`, 1519)
    expect(types(`${second}`)).toEqual([1519, 1520, 1523, 1527, 1531, 1535])
    expect(await write(`${second}`, 1535)).toBe(null)
  })

  test('sriov-manage loses the mode both ways', async () => {
    const { manage, smi, mode } = machine()
    await smi(`vgpu -shm 1 -i ${card}`)
    expect(await mode('vGPU Heterogeneous Mode')).toBe('Enabled')
    await manage('-e')
    expect(await mode('vGPU Heterogeneous Mode')).toBe('Disabled')
    await smi(`vgpu -shm 1 -i ${card}`)
    await manage('-d')
    expect(await mode('vGPU Heterogeneous Mode')).toBe('Disabled')
  })

  test('while there is a vGPU, the mode stays: exit 19, in use by another client', async () => {
    const { manage, smi, write } = machine()
    await manage('-e')
    await write(`${first}`, 1519)
    expect(await smi(`vgpu -shm 1 -i ${card}`)).toEqual({ status: 19, stdout: 'In use by another client\n' })
  })
})

describe('GPU instances, as measured there too (bigstack-oss/cubecos PR 1223)', () => {
  async function cut(list: string) {
    const all = machine()
    await all.smi(`-i ${card} -mig 1`)
    await all.manage('-e')
    await all.smi(`mig -i ${card} -cgi ${list} -C`)
    return all
  }

  test('sriov-manage destroys them, and leaves the card in MIG mode', async () => {
    const { smi, manage, mode } = machine()
    expect(await smi(`-i ${card} -mig 1`)).toEqual({
      status: 0,
      stdout: 'Enabled MIG Mode for GPU 00000000:41:00.0\nAll done.\n',
    })
    expect(await smi(`mig -cgi 47 -C -i ${card}`)).toMatchObject({ status: 0 })
    await manage('-e')
    expect(await mode('Current')).toBe('Enabled')
    expect(await smi(`mig -lgi -i ${card}`)).toEqual({ status: 6, stdout: 'No GPU instances found: Not Found\n' })
  })

  test('the mode does not end while there are virtual functions', async () => {
    const { smi, manage } = await cut('47')
    expect(await smi(`-i ${card} -mig 0`)).toEqual({
      status: 19,
      stdout:
        'Unable to disable MIG Mode for GPU 00000000:41:00.0: In use by another client\nTerminating early due to previous errors.\n',
    })
    await manage('-d')
    expect(await smi(`-i ${card} -mig 0`)).toMatchObject({ status: 0 })
  })

  test('types appear with a free GPU instance of their profile, which carries one framebuffer size, as often as fits', async () => {
    const { types, write } = await cut('47,35')
    expect(types(`${first}`)).toEqual([1549, 1550, 1555, 1561, 1567, 1573])
    expect(await write(`${first}`, 1549)).toBe(null)
    expect(types(`${second}`)).toEqual([1549, 1550, 1567, 1573])
    expect(await write(`${second}`, 1555)).toBe('EIO')
    expect(await write(`${second}`, 1550)).toBe(null)
    for (const vf of [third, fourth]) expect(await write(`${vf}`, 1549)).toBe(null)
    expect(types(`${fifth}`)).toEqual([1567, 1573])
  })

  test('a vGPU tells its GPU instance, and a function that is none does not: ENXIO', async () => {
    const { files, read, write } = await cut('47,47')
    for (const name of ['gpu_instance_id', 'placement_id']) expect(await read(`${first}`, name)).toBe('ENXIO')
    await write(`${first}`, 1561)
    await write(`${second}`, 1561)
    expect([first, second].map((vf) => files.read(`${devices}/${vf}/nvidia/gpu_instance_id`))).toEqual(['3\n', '4\n'])
  })

  test('the mode of sizes is N/A, and not supported', async () => {
    const { mode, smi } = await cut('47')
    expect(await mode('vGPU Heterogeneous Mode')).toBe('N/A')
    expect(await smi(`vgpu -shm 1 -i ${card}`)).toEqual({ status: 3, stdout: 'Not Supported\n' })
  })
})

describe('nvidia-smi mig, as logs of driver 575 on such a card show it', () => {
  async function on() {
    const all = machine()
    await all.smi(`-i ${card} -mig 1`)
    return all
  }

  test('lists the profiles', async () => {
    const { smi } = await on()
    const { stdout } = await smi(`mig -i ${card} -lgip`)
    expect(stdout.split('\n').slice(0, 8)).toEqual([
      '+-------------------------------------------------------------------------------+',
      '| GPU instance profiles:                                                        |',
      '| GPU   Name               ID    Instances   Memory     P2P    SM    DEC   ENC  |',
      '|                                Free/Total   GiB              CE    JPEG  OFA  |',
      '|===============================================================================|',
      '|   0  MIG 1g.24gb+gfx     47     4/4        23.62      No     46     1     1   |',
      '|                                                               1     1     0   |',
      '+-------------------------------------------------------------------------------+',
    ])
    expect(stdout).toContain('|   0  MIG 4g.96gb+gfx     32     1/1        95.12      No     188    4     4   |')
  })

  test('lists the GPU instances with their places', async () => {
    const { smi } = await on()
    expect(await smi(`mig -i ${card} -cgi 2g.48gb+gfx,47,47 -C`)).toEqual({
      status: 0,
      stdout: [
        'Successfully created GPU instance ID  1 on GPU  0 using profile MIG 2g.48gb+gfx (ID 35)',
        'Successfully created compute instance ID  0 on GPU  0 GPU instance ID  1 using profile MIG 2g.48gb+gfx (ID  0)',
        'Successfully created GPU instance ID  5 on GPU  0 using profile MIG 1g.24gb+gfx (ID 47)',
        'Successfully created compute instance ID  0 on GPU  0 GPU instance ID  5 using profile MIG 1g.24gb+gfx (ID  0)',
        'Successfully created GPU instance ID  6 on GPU  0 using profile MIG 1g.24gb+gfx (ID 47)',
        'Successfully created compute instance ID  0 on GPU  0 GPU instance ID  6 using profile MIG 1g.24gb+gfx (ID  0)',
        '',
      ].join('\n'),
    })
    expect((await smi(`mig -i ${card} -lgi`)).stdout).toBe(
      [
        '+---------------------------------------------------------+',
        '| GPU instances:                                          |',
        '| GPU   Name               Profile  Instance   Placement  |',
        '|                            ID       ID       Start:Size |',
        '|=========================================================|',
        '|   0  MIG 2g.48gb+gfx       35        1          0:6     |',
        '+---------------------------------------------------------+',
        '|   0  MIG 1g.24gb+gfx       47        5          6:3     |',
        '+---------------------------------------------------------+',
        '|   0  MIG 1g.24gb+gfx       47        6          9:3     |',
        '+---------------------------------------------------------+',
        '',
      ].join('\n'),
    )
  })

  test('makes them one after the other, and those before the first that has no room stay', async () => {
    const { smi } = await on()
    const { status, stdout } = await smi(`mig -cgi 47,32 -C -i ${card}`)
    expect({ status, last: stdout.trim().split('\n').slice(-2) }).toEqual({
      status: 23,
      last: [
        'Unable to create a GPU instance on GPU  0 using profile 32: Insufficient Resources',
        'Failed to create GPU instances: Insufficient Resources',
      ],
    })
    expect((await smi(`mig -lgi -i ${card}`)).stdout).toContain('1g.24gb+gfx')
  })

  test('destroys compute instances, then GPU instances, and neither while a vGPU has one', async () => {
    const { smi, manage, write } = await on()
    await manage('-e')
    await smi(`mig -cgi 47 -C -i ${card}`)
    const inUse = 'Failed to destroy GPU instances: In use by another client\n'
    expect((await smi(`mig -dgi -i ${card}`)).stdout).toBe(
      `Unable to destroy GPU instance ID  3 from GPU  0: In use by another client\n${inUse}`,
    )
    await write(`${first}`, 1561)
    expect(await smi(`mig -dci -i ${card}`)).toMatchObject({ status: 19 })
    await write(`${first}`, 0)
    expect((await smi(`mig -dci -i ${card}`)).stdout).toBe(
      'Successfully destroyed compute instance ID  0 from GPU  0 GPU instance ID  3\n',
    )
    expect((await smi(`mig -dgi -i ${card}`)).stdout).toBe('Successfully destroyed GPU instance ID  3 from GPU  0\n')
  })

  test.each(['mig -lgipp', '-L', 'vgpu -q', '-q -x', 'mig -cgi 47', 'vgpu -gi 0 -shm 1'])(
    'refuses %s: what it answers is not known well enough',
    async (words) => {
      const { smi } = await on()
      expect((await smi(`${words} -i ${card}`)).status).toBe(2)
    },
  )

  test('knows only cards with NVIDIA’s driver, by their address', async () => {
    const { smi } = machine()
    expect(await smi('-q -i 0000:42:00.0')).toEqual({ status: 6, stdout: 'No devices were found\n' })
  })
})
