import { deviceFeatures } from '../../uapi/device-feature.ts'
import { vfioDeviceFeatureDmaLoggingControl, vfioDeviceFeatureDmaLoggingReport } from '../../uapi/dma-logging.ts'
import type { Feature } from '../sdk/feature.ts'
import { checkLoggingReport, checkLoggingStart } from '../vfio/dma-logging.ts'

const { 'dma-logging-start': start, 'dma-logging-stop': stop, 'dma-logging-report': report } = deviceFeatures

/** The log of a device that writes no memory: started and stopped as one likes, and empty. */
export const emptyLog: readonly (readonly [number, Feature])[] = [
  [
    start.id,
    {
      size: vfioDeviceFeatureDmaLoggingControl.size,
      set(data, process) {
        checkLoggingStart(data, process)
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
        return 0
      },
    },
  ],
]
