import { Errno } from '../base/errno.ts'
import type { EventSink, ModelIoeventfd } from '../sdk/device-model.ts'

/** VFIO_PCI_IOEVENTFD_MAX of vfio-pci. */
const most = 1000

/** The writes of one device that eventfds do, each known by where and what it writes. */
export class Ioeventfds {
  readonly #stops = new Map<string, () => void>()

  /** EEXIST for one that is there, ENODEV for one to be removed that is not, ENOSPC for one too many. */
  set({ offset, width, data, eventfd }: ModelIoeventfd, write: () => void): void {
    const key = `${offset} ${width} ${data}`
    const stop = this.#stops.get(key)
    if (eventfd === null) {
      if (stop === undefined) throw new Errno('ENODEV')
      stop()
      this.#stops.delete(key)
      return
    }
    if (stop !== undefined) throw new Errno('EEXIST')
    if (this.#stops.size >= most) throw new Errno('ENOSPC')
    const sink: EventSink = eventfd()
    this.#stops.set(key, sink.consume(write))
  }

  close(): void {
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }
}
