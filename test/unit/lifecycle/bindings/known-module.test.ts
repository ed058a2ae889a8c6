import { expect, test } from 'vitest'
import { mayBeModule } from '../../../../src/lifecycle/bindings/known-module.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { createMockHost } from '../../../../src/mock.ts'

const folder = '/lib/modules/7.3.0'
const files = (disk: Readonly<Record<string, string>>) =>
  createMockHost({ ...demo, kernel: '7', disk: { ...demo.disk, ...disk } }).host().kernel.files
const whole = {
  [`${folder}/modules.dep`]: 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\nextra/gim.ko:\n',
  [`${folder}/modules.builtin`]: 'kernel/drivers/pci/pci-stub.ko\n',
  [`${folder}/modules.alias`]:
    'alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\nalias igb_of_old igb\nalias crypto-* aesni\n',
}

test.each(['vfio-pci', 'vfio_pci', 'gim', 'pci_stub', 'igb_of_old', 'crypto-x'])('modprobe may find %s', (name) => {
  expect(mayBeModule(files(whole), name)).toBe(true)
})

test.each(['vfio-pcii', 'vfio', 'vfio-pci.ko', 'igb'])('modprobe finds no module by the name %s', (name) => {
  expect(mayBeModule(files(whole), name)).toBe(false)
})

test('a line of modprobe.d names one too', () => {
  const settings = { '/etc/modprobe.d/own.conf': 'alias ours vfio_pci\ninstall theirs /bin/true\n' }
  const found = ['ours', 'theirs', 'nobodys'].map((name) => mayBeModule(files({ ...whole, ...settings }), name))
  expect(found).toEqual([true, true, false])
})
