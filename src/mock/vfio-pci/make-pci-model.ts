import type { DeviceModel } from '../device.ts'
import { Errno } from '../errno.ts'
import type { ScenarioPciDevice } from '../scenario.ts'
import type { DmaAccess } from '../vfio/dma-mappings.ts'

export function makePciModel(_device: ScenarioPciDevice, _dma: DmaAccess, _saved: unknown): DeviceModel {
  throw new Errno('ENODEV')
}
