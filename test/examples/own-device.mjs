// A device model of one's own: a write to its one register raises an interrupt.
import { createMockHost, MdevModel, MessageIrq, pciIrqIndex, TrappedRegion } from 'vfioctl/mock'

class Doorbell extends MdevModel {
  #bell = this.addIrq(pciIrqIndex.VFIO_PCI_MSI_IRQ_INDEX, new MessageIrq(1))
  rung = 0
  registers = this.addRegion(
    0,
    new TrappedRegion({
      size: 0x10,
      read: () => this.rung,
      write: () => {
        this.rung++
        this.#bell.raise()
      },
    }),
  )
}

const models = [{ parent: 'mtty', type: 'doorbell', make: (context) => new Doorbell(context) }]
const host = createMockHost('demo', { models }).host()
try {
  const { name } = await host.start({ parent: 'mtty', type: 'doorbell' })
  const device = await host.openDevice(name)
  const irq = device.irqs.msi.enable([0])
  device.regions.bar0.write32(0, 1)
  await irq.next({ timeoutMs: 1000 })
  console.log(`rung ${device.regions.bar0.read32(0)} time`)
} finally {
  await host.close()
}
