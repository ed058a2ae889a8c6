import { deviceFeatures } from '../../uapi/device-feature.ts'
import { vfioDeviceFeatureDmaLoggingControl, vfioDeviceFeatureDmaLoggingReport } from '../../uapi/dma-logging.ts'
import {
  vfioDeviceFeatureMigDataSize,
  vfioDeviceFeatureMigration,
  vfioDeviceFeatureMigState,
} from '../../uapi/migration.ts'
import type { KernelTraits } from '../kernel-traits.ts'
import type { Feature } from '../sdk/feature.ts'
import { checkLoggingReport, checkLoggingStart } from '../vfio/dma-logging.ts'
import type { MttyMigration } from './mtty-migration.ts'

/** What mtty answers to VFIO_DEVICE_FEATURE: migration, and the log of a device that writes no memory. */
export function mttyFeatures(migration: MttyMigration, traits: KernelTraits): ReadonlyMap<number, Feature> {
  const features = new Map<number, Feature>()
  if (!traits.mttyMigrates) return features
  const add = (name: keyof typeof deviceFeatures, feature: Feature) => features.set(deviceFeatures[name].id, feature)
  add('migration', {
    size: vfioDeviceFeatureMigration.size,
    get: doing((data) => migration.getAbilities(data)),
  })
  add('mig-device-state', {
    size: vfioDeviceFeatureMigState.size,
    get: doing((data) => migration.getState(data)),
    set: doing((data, process) => migration.setState(data, process)),
  })
  add('mig-data-size', {
    size: vfioDeviceFeatureMigDataSize.size,
    get: doing((data) => migration.getDataSize(data)),
  })
  add('dma-logging-start', {
    size: vfioDeviceFeatureDmaLoggingControl.size,
    set: doing((data, process) => checkLoggingStart(data, process)),
  })
  add('dma-logging-stop', { size: 0, set: () => 0 })
  add('dma-logging-report', {
    size: vfioDeviceFeatureDmaLoggingReport.size,
    get: doing((data) => checkLoggingReport(data)),
  })
  if (traits.hasPrecopyInfoV2) {
    add('mig-precopy-info-v2', { size: 0, set: doing(() => migration.setInfoV2()) })
  }
  return features
}

type FeatureCall = Parameters<NonNullable<Feature['get']>>

/** The ioctl answers 0. */
function doing(work: (...call: FeatureCall) => void) {
  return (...call: FeatureCall) => {
    work(...call)
    return 0
  }
}
