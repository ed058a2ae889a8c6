import type { Scenario, ScenarioParent, ScenarioSubchannel } from '../scenario/scenario.ts'
import { plainDisk } from './host-parts.ts'

/**
 * A logical partition of an IBM Z: three crypto cards, of which the domains of adapters 5 and 6 are free for vfio_ap,
 * and three disks, of which the subchannel of one is with vfio_ccw.
 */
export const mainframe: Scenario = {
  name: 'mainframe',
  kernel: '6.12',
  modules: {
    vfio: {},
    vfio_iommu_type1: { allow_unsafe_interrupts: 'N', disable_hugepages: 'N', dma_entry_limit: '65535' },
    mdev: {},
    kvm: {},
    ap: {},
    vfio_ap: {},
    vfio_ccw: {},
    dasd_eckd_mod: {},
  },
  pci: [],
  ap: {
    maxAdapter: 63,
    maxDomain: 84,
    adapters: [
      { id: 4, type: 'CEX7A' },
      { id: 5, type: 'CEX7P' },
      { id: 6, type: 'CEX7C' },
    ],
    domains: [0x04, 0x2b, 0x47],
    apmask: `0xf9${'f'.repeat(62)}`,
    aqmask: `0x${'f'.repeat(64)}`,
  },
  css: [
    subchannel('0.0.0004', '0.0.0120', 'io_subchannel'),
    subchannel('0.0.0313', '0.0.1234', 'vfio_ccw'),
    subchannel('0.0.0314', '0.0.1235', 'io_subchannel'),
  ],
  parents: [
    {
      name: 'matrix',
      driver: 'vfio_ap_mdev',
      module: 'vfio_ap',
      deviceApi: 'vfio-ap',
      capacity: { devices: 65536 },
      oneTypeAtATime: false,
      whenFull: 'EUSERS',
      attributes: [],
      types: [
        {
          id: 'vfio_ap-passthrough',
          name: 'VFIO AP Passthrough Device',
          description: null,
          uses: { devices: 1 },
          model: { kind: 'vfio-ap' },
        },
      ],
    },
    ccwParent('0.0.0004'),
    ccwParent('0.0.0313'),
    ccwParent('0.0.0314'),
  ],
  disk: plainDisk,
}

function subchannel(id: string, device: string, driver: ScenarioSubchannel['driver']): ScenarioSubchannel {
  const paths = { chpids: '40 41 42 43 00 00 00 00', pimpampom: 'f0 f0 ff' }
  return { id, device, deviceType: '3390/0c', controlUnit: '3990/e9', ...paths, driver }
}

/** A subchannel offers one device while vfio_ccw has it. */
export function ccwParent(name: string): ScenarioParent {
  return {
    name,
    driver: 'vfio_ccw_mdev',
    module: 'vfio_ccw',
    deviceApi: 'vfio-ccw',
    capacity: { subchannels: 1 },
    oneTypeAtATime: false,
    whenFull: 'EUSERS',
    attributes: [],
    types: [
      {
        id: 'vfio_ccw-io',
        name: 'I/O subchannel (Non-QDIO)',
        description: null,
        uses: { subchannels: 1 },
        model: { kind: 'vfio-ccw' },
      },
    ],
  }
}
