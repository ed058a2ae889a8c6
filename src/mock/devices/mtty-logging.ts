import {
  deviceFeatures,
  vfioDeviceFeatureDmaLoggingControl,
  vfioDeviceFeatureDmaLoggingReport,
} from '../../uapi/features.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { checkLoggingReport, checkLoggingStart } from '../sdk/dma-logging.ts'
import type { Feature } from '../sdk/feature.ts'

const { 'dma-logging-start': start, 'dma-logging-stop': stop, 'dma-logging-report': report } = deviceFeatures

/** The log of a device that writes no memory: started and stopped as one likes, and empty. */
export function emptyLog(traits: KernelTraits): readonly (readonly [number, Feature])[] {
  return [
    [
      start.id,
      {
        size: vfioDeviceFeatureDmaLoggingControl.size,
        set(data, process) {
          checkLoggingStart(data, process, traits)
          return 0
        },
      },
    ],
    [stop.id, { size: 0, set: () => 0 }],
    [
      report.id,
      {
        size: vfioDeviceFeatureDmaLoggingReport.size,
        get(data) {
          checkLoggingReport(data)
          if (!traits.reportsDmaLog) throw new Errno('EOPNOTSUPP')
          return 0
        },
      },
    ],
  ]
}
