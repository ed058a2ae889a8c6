import { describe, expect, test } from 'vitest'
import { VfioPciDrivers } from '../../../src/host/variants/vfio-pci-drivers.ts'
import { openLinux } from '../../../src/kernel/linux.ts'
import { HostTree } from '../host-tree.ts'

const release = '6.12.0-test'
const address = '0000:3b:00.1'
const vf = 'v000015B3d0000101Esv000015B3sd00000001bc02sc00i00'

function hostWith(aliases: string, modalias = `pci:${vf}\n`) {
  return new HostTree()
    .file('proc/sys/kernel/osrelease', `${release}\n`)
    .file(`sys/bus/pci/devices/${address}/modalias`, modalias)
    .file('sys/bus/pci/drivers/vfio-pci/bind', '')
    .file(`lib/modules/${release}/modules.alias`, `# Aliases extracted from modules themselves.\n${aliases}`)
}

function modulesFor({ root }: HostTree): string[] {
  return new VfioPciDrivers(openLinux({ root }).files).of(address).map(({ module }) => module)
}

const any = 'alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n'
const mlx5 = 'alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n'

describe('drivers of VFIO for a PCI device', () => {
  test.each([
    ['the fewest wildcards are best', `${any}${mlx5}`, ['mlx5_vfio_pci', 'vfio_pci']],
    [
      'the earlier of two alike',
      `${mlx5}${mlx5.replace('mlx5_', 'other_')}`,
      ['mlx5_vfio_pci', 'other_vfio_pci', 'vfio_pci'],
    ],
    ['aliases that are for pci alone are for no driver of VFIO', mlx5.replace('vfio_pci:', 'pci:'), ['vfio_pci']],
    ['a field that differs', mlx5.replace('101E', '101F'), ['vfio_pci']],
    ['a name that leads out of a folder', mlx5.replace('mlx5_vfio_pci', '../../evil'), ['vfio_pci']],
    ['a name like an option', mlx5.replace('mlx5_vfio_pci', '-r'), ['vfio_pci']],
    ['fields that are none', 'alias vfio_pci:v*d*junk mlx5_vfio_pci\n', ['vfio_pci']],
    ['no line', '', ['vfio_pci']],
  ])('%s', (_what, aliases, expected) => {
    expect(modulesFor(hostWith(aliases))).toEqual(expected)
  })

  test('a device whose modalias says nothing matches what is for all alone', () => {
    expect(modulesFor(hostWith(`${mlx5}${any}`, 'junk'))).toEqual(['vfio_pci'])
  })

  test('the file may be larger than others: real ones have 1 to 2 MiB', () => {
    const rest = 'alias pci:v00008086d00001572sv*sd*bc*sc*i* i40e\n'.repeat(50_000)
    expect(modulesFor(hostWith(`${rest}${mlx5}`))).toEqual(['mlx5_vfio_pci', 'vfio_pci'])
  })

  test('one of more than 8 MiB is not read: EFBIG', () => {
    expect(() => modulesFor(hostWith('#'.repeat(2 ** 23)))).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EFBIG' }),
    )
  })

  test('a folder in its place is MALFORMED_REPLY', () => {
    const host = new HostTree().file('proc/sys/kernel/osrelease', release)
    host.directory(`lib/modules/${release}/modules.alias`)
    expect(() => modulesFor(host)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })

  test.each([
    ['no file', release],
    ['no folder that has such a name', '../../etc'],
  ])('without it vfio-pci is all there is: %s', (_what, named) => {
    const { root } = new HostTree().file('proc/sys/kernel/osrelease', named)
    const drivers = new VfioPciDrivers(openLinux({ root }).files)
    expect(drivers.of(address)).toMatchObject([{ driver: 'vfio-pci', isLoaded: false }])
    expect(drivers.missing).toContain(named === release ? 'modules.alias' : 'osrelease')
  })

  test('the driver of a loaded module has the name that the kernel links to it', () => {
    const host = hostWith(mlx5).file('sys/bus/pci/drivers/mlx5-live/bind', '')
    host.link('sys/module/mlx5_vfio_pci/drivers/pci:mlx5-live', '../../../bus/pci/drivers/mlx5-live')
    const [best] = new VfioPciDrivers(openLinux({ root: host.root }).files).of(address)
    expect(best).toMatchObject({
      driver: 'mlx5-live',
      isLoaded: true,
      brings: expect.stringContaining('live migration'),
    })
  })
})
