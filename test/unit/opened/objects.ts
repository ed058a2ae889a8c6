import { onTestFinished } from 'vitest'
import { registerBlock } from '../../../src/index.ts'
import type { Device } from '../../../src/vfio/device.ts'
import { behindRootPort, type Devices, openDevices } from './devices.ts'
import type { Taken } from './taken.ts'
import {
  anything,
  bigint,
  bytes,
  count,
  empty,
  flag,
  list,
  name,
  only,
  optional,
  record,
  signal,
  streamOf,
  text,
  timeout,
} from './taken.ts'

/** One object of each public class that an opened device leads to, and what each of their methods takes. */

/** An object and, by the names of its methods and setters, the arguments of each. */
export interface Opened {
  readonly object: object
  readonly methods: Readonly<Record<string, readonly Taken[]>>
}

export interface World extends Devices {
  readonly opened: Readonly<Record<string, Opened>>
}

const block = registerBlock({
  one: { offset: 0, width: 32, fields: { low: [7, 0], bit: 8 } },
  wide: { offset: 8, width: 64, order: 'low-high', fields: { low: [7, 0] } },
  some: { offset: 0x20, width: 32, count: 4 },
})

const access = {
  read8: [count(8)],
  read16: [count(8)],
  read32: [count(8)],
  read64: [count(8)],
  write8: [count(8), count(1)],
  write16: [count(8), count(1)],
  write32: [count(8), count(1)],
  write64: [count(8), bigint(1n)],
  readInto: [count(8), bytes(4)],
  writeFrom: [count(8), bytes(4)],
  as: [only(block)],
}
const ends = { close: [], '[Symbol.dispose]': [] }
const endsLater = { ...ends, '[Symbol.asyncDispose]': [] }
const wait = { vector: optional(count(0)), signal: optional(signal()) }
const vectors = list(count(0))
const page = 4096

/** Each test has a machine of its own. */
export async function openWorld(ended: typeof onTestFinished = onTestFinished): Promise<World> {
  const devices = await openDevices(ended)
  const { edu: device, nvme: other, display: screen, serial: uart, space } = devices
  const attachment = space.attach(behindRootPort)
  const { bar0 } = device.regions
  const mapped = bar0.map()
  const registers = bar0.as(block)
  const enabled = device.irqs.msi.enable([0])
  const buffer = await device.dma.allocate(page)
  const plane = screen.display.dmabufPlane()
  const stream = uart.migration.move('resuming')
  const place = { group: other.group, name: other.name }

  const addressSpace = (one: Device, memory: unknown) => ({
    object: one.addressSpace,
    methods: {
      ranges: [],
      availableMappings: [],
      info: [],
      map: [
        record({
          iova: bigint(0x10_0000n),
          memory: only(memory),
          offset: count(0),
          size: count(page),
          access: name('rw'),
          dmaBuf: optional(count(999, empty())),
        }),
      ],
      unmap: [bigint(0x10_0000n), bigint(4096n)],
      unmapAll: [],
      physicalPages: [only(memory), count(0), count(page)],
      releasePages: [anything()],
      attach: [
        record({ group: count(place.group ?? 0, empty()), name: text(place.name) }),
        optional(record({ vfToken: empty() })),
      ],
      takeOver: [only(null)],
      detach: [only(null)],
      closeWithLast: [],
      ...ends,
    },
  })

  return {
    ...devices,
    opened: {
      Device: {
        object: device,
        methods: {
          moveTo: [only(space)],
          detach: [],
          reset: [],
          affectedByHotReset: [],
          hotReset: [],
          setVfToken: [text(uart.name)],
          enterLowPower: [optional(record({ wakeup: optional(flag(true)) }))],
          ...endsLater,
        },
      },
      Attachment: { object: attachment, methods: { moveTo: [only(space)], detach: [], close: [] } },
      Regions: {
        object: device.regions,
        methods: { get: [count(0, text('bar0'))], ofType: [count(1), count(1)], '[Symbol.iterator]': [] },
      },
      Region: {
        object: bar0,
        methods: {
          ...access,
          map: [],
          ioeventfd: [
            record({ offset: count(8), width: count(32), value: count(1, bigint(1n)), eventfd: optional(count(999)) }),
          ],
        },
      },
      MappedRegion: {
        object: mapped,
        methods: {
          ...access,
          mappingAt: [count(0)],
          dmaBufAt: [count(0)],
          hold: [only(buffer)],
          release: [anything()],
          ...ends,
        },
      },
      Register: {
        object: registers.one,
        methods: {
          read: [],
          fields: [],
          write: [count(1, record({ low: count(1), bit: flag(true) }))],
          update: [record({ low: count(1), bit: flag(true) })],
        },
      },
      'Register of 64 bits': {
        object: registers.wide,
        methods: {
          read: [],
          fields: [],
          write: [bigint(1n, record({ low: bigint(1n) }))],
          update: [record({ low: bigint(1n) })],
        },
      },
      RegisterArray: { object: registers.some, methods: { at: [count(1)], '[Symbol.iterator]': [] } },
      Irqs: { object: device.irqs, methods: { get: [count(1, text('msi'))], '[Symbol.iterator]': [] } },
      Irq: {
        object: other.irqs.msix,
        methods: {
          enable: [
            list(count(0, record({ vector: count(0), eventfd: count(999) }))),
            optional(record({ autoUnmask: optional(flag(true)) })),
          ],
        },
      },
      EnabledIrq: {
        object: enabled,
        methods: {
          eventfd: [count(0)],
          add: [vectors],
          remove: [list(count(7))],
          mask: [],
          unmask: [],
          resampleEventfd: [optional(count(999))],
          trigger: [count(0)],
          events: [optional(record(wait))],
          next: [optional(record({ ...wait, timeoutMs: optional(timeout(0)) }))],
          waitSync: [record({ timeoutMs: timeout(0), vector: optional(count(0)) })],
          ...endsLater,
        },
      },
      IrqEvents: { object: enabled.events(), methods: { next: [], return: [], '[Symbol.asyncIterator]': [] } },
      Dma: {
        object: device.dma,
        methods: {
          allocate: [
            count(page),
            optional(
              record({
                access: optional(name('rw')),
                iova: optional(bigint(0x20_0000n)),
                addressBits: optional(count(40)),
                hugePages: optional(flag(false)),
              }),
            ),
          ],
          map: [
            only(buffer.memory),
            optional(
              record({
                access: optional(name('r')),
                iova: optional(bigint(0x40_0000n)),
                addressBits: optional(count(40)),
                offset: optional(count(0)),
                size: optional(count(page)),
              }),
            ),
          ],
          find: [bigint(0x10_0000n)],
          unmapAll: [],
          memlock: [],
          raiseMemlock: [],
        },
      },
      DmaBuffer: { object: buffer, methods: { view: [], iovaOf: [count(0)], ...endsLater } },
      'address space of iommufd': addressSpace(device, buffer.memory),
      'address space of a container': addressSpace(other, buffer.memory),
      DeviceFeatures: {
        object: device.features,
        methods: {
          has: [name('pci-vf-token'), name('set')],
          list: [],
          get: [name('migration'), bytes(8), optional(record({ goal: optional(text('see')) }))],
          set: [name('low-power-exit'), optional(bytes(0)), optional(record({ goal: optional(text('see')) }))],
        },
      },
      LowPower: {
        object: other.enterLowPower({ wakeup: true }),
        methods: {
          woken: [optional(record({ signal: optional(signal()), timeoutMs: optional(timeout(0)) }))],
          ...ends,
        },
      },
      PciFunction: {
        object: device.pci,
        methods: { configSpace: [], busMaster: [flag(true)], memoryDecode: [flag(true)], ioDecode: [flag(true)] },
      },
      Ioeventfd: { object: bar0.ioeventfd({ offset: 8, width: 32, value: 2 }), methods: { signal: [], ...ends } },
      Migration: {
        object: uart.migration,
        methods: {
          stopCopySize: [],
          move: [name('running')],
          save: [optional(record({ chunkBytes: optional(count(64)), limit: optional(count(2 ** 20)) }))],
          restore: [streamOf(bytes(4)), optional(record({ run: optional(flag(true)) }))],
        },
      },
      MigrationData: {
        object: found(stream),
        methods: { read: [bytes(8)], write: [bytes(0)], preCopyInfo: [], close: [] },
      },
      Display: {
        object: screen.display,
        methods: {
          kinds: [],
          regionPlane: [optional(name('primary'))],
          screenshot: [],
          dmabufPlane: [optional(name('primary'))],
          openDmabuf: [record({ dmabufId: count(plane?.dmabufId ?? 1) })],
        },
      },
      Edid: { object: screen.display.edid, methods: { read: [], plug: [bytes(128)], unplug: [] } },
      Dmabuf: { object: screen.display.openDmabuf({ dmabufId: found(plane).dmabufId }), methods: ends },
    },
  }
}

function found<T>(value: T | null): T {
  if (value === null) throw new Error('the mock gives none')
  return value
}
