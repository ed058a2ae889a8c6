import * as v from 'valibot'
import { checkBytes, checked, count } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import type { IoctlPointer } from '../../kernel/kernel.ts'
import { type DeviceFeatureName, deviceFeatureFlag, deviceFeatures, vfioDeviceFeature } from '../../uapi/features.ts'
import { request } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import type { Descriptor } from './descriptor.ts'
import { askOr, attempt, type Reasons } from './system-call.ts'

/** The operations on a feature. */
export type FeatureOperation = 'get' | 'set'

const operationFlag = {
  get: deviceFeatureFlag.VFIO_DEVICE_FEATURE_GET,
  set: deviceFeatureFlag.VFIO_DEVICE_FEATURE_SET,
} as const

/** Options of a feature's call, beside its data. */
export interface FeatureCall {
  /** The purpose of the call ('enter low power'), for the error. */
  readonly goal?: string
  /** Fields of the data that hold an address, by their offset in the data. */
  readonly pointers?: readonly IoctlPointer[]
  readonly reasons?: Reasons
}

const featureName = v.custom<DeviceFeatureName>(
  (value) => typeof value === 'string' && isFeatureName(value),
  "is not a feature's name: device.features.list() has those of this device",
)
const operationName = v.picklist(['get', 'set'])
const featureCall = v.object({
  goal: v.optional(v.string()),
  pointers: v.optional(
    v.array(
      v.object({
        offset: count,
        target: v.custom<IoctlPointer['target']>(isObject, 'must be bytes or mapped memory'),
        at: v.optional(count),
      }),
    ),
  ),
  reasons: v.optional(
    v.record(
      v.string(),
      v.custom<Reasons[string]>((value) => typeof value === 'function', 'must be a function'),
    ),
  ),
})
/** Largest struct that the addon takes, in bytes. */
const maxBytes = 2 ** 20

/**
 * VFIO_DEVICE_FEATURE: what a device's driver can do beyond the basics, each by its name in linux/vfio.h. This is the
 * bare call; what has a method of its own (`device.enterLowPower`) is better had there.
 */
export class DeviceFeatures {
  readonly #device: Descriptor

  constructor(device: Descriptor) {
    this.#device = device
  }

  /** True if the driver and this kernel have it, for that operation. */
  has(feature: DeviceFeatureName, operation: FeatureOperation): boolean {
    checked('has', featureName, feature, 'its feature')
    checked('has', operationName, operation, 'its operation')
    const flags = deviceFeatureFlag.VFIO_DEVICE_FEATURE_PROBE | operationFlag[operation]
    const probe = () => this.#device.ioctl(request.VFIO_DEVICE_FEATURE, encodeFeature(feature, flags, new Uint8Array()))
    // ENOTTY: not that feature; EINVAL: the feature, but not that operation
    return askOr(`ask ${this.#device.what} for ${feature}`, probe, ['ENOTTY', 'EINVAL'], null) !== null
  }

  /** All that the driver has, with the operations that each allows. */
  list(): ReadonlyMap<DeviceFeatureName, readonly FeatureOperation[]> {
    const found = new Map<DeviceFeatureName, readonly FeatureOperation[]>()
    for (const name of Object.keys(deviceFeatures)) {
      if (!isFeatureName(name)) continue
      const operations = (['get', 'set'] as const).filter((operation) => this.has(name, operation))
      if (operations.length > 0) found.set(name, operations)
    }
    return found
  }

  /**
   * Gets a feature: `data` goes in, as some take a question with it, and what the kernel made of it is returned. Throws
   * NOT_SUPPORTED if the driver has no such feature or does not let it be got.
   */
  get(feature: DeviceFeatureName, data: Uint8Array, call?: FeatureCall): Uint8Array {
    return this.#call(feature, 'get', data, call)
  }

  /** Sets it; what the kernel made of the data is returned, as some answer in it. Throws as `get` does. */
  set(feature: DeviceFeatureName, data: Uint8Array = new Uint8Array(), call?: FeatureCall): Uint8Array {
    return this.#call(feature, 'set', data, call)
  }

  #call(feature: DeviceFeatureName, operation: FeatureOperation, data: Uint8Array, call: FeatureCall = {}): Uint8Array {
    checked(operation, featureName, feature, 'its feature')
    checkBytes(operation, data)
    if (vfioDeviceFeature.size + data.length > maxBytes) {
      throw new VfioError('INVALID_ARGUMENT', `${operation}: ${data.length} bytes are more than any feature takes`)
    }
    const asked = checked(operation, featureCall, call, 'its call')
    const { goal = `${operation} ${feature}`, pointers = [], reasons = {} } = asked
    const bytes = encodeFeature(feature, operationFlag[operation], data)
    const inStruct = pointers.map(({ offset, target, at = 0 }) => ({
      offset: offset + vfioDeviceFeature.size,
      target,
      at,
    }))
    try {
      attempt(
        `${goal} of ${this.#device.what}`,
        () => this.#device.ioctl(request.VFIO_DEVICE_FEATURE, bytes, inStruct),
        {
          ENOTTY: () => ({
            code: 'NOT_SUPPORTED',
            because: `its driver, or this kernel, has no feature ${feature}`,
            facts: { feature, operation },
          }),
          ...reasons,
        },
      )
    } catch (error) {
      throw this.#notThatOperation(feature, operation, error) ?? error
    }
    return bytes.subarray(vfioDeviceFeature.size)
  }

  /** EINVAL means many things; this one can be found out. */
  #notThatOperation(feature: DeviceFeatureName, operation: FeatureOperation, error: unknown): VfioError | null {
    if (!(error instanceof VfioError) || error.code !== 'SYSTEM_CALL_FAILED' || error.errno !== 'EINVAL') return null
    if (this.has(feature, operation)) return null
    return new VfioError('NOT_SUPPORTED', `cannot ${operation} ${feature} of ${this.#device.what}`, {
      hint: 'device.features.list() says what can be done with which',
      facts: { feature, operation },
      cause: error.cause,
    })
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isFeatureName(name: string): name is DeviceFeatureName {
  return Object.hasOwn(deviceFeatures, name)
}

function encodeFeature(feature: DeviceFeatureName, flags: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(vfioDeviceFeature.size + data.length)
  encodeInto(vfioDeviceFeature, bytes, { argsz: bytes.length, flags: flags | deviceFeatures[feature].id })
  bytes.set(data, vfioDeviceFeature.size)
  return bytes
}
