import { setImmediate } from 'node:timers/promises'
import { isUint8Array } from 'node:util/types'
import * as v from 'valibot'
import { checked, count } from '../../base/arguments.ts'
import { asVfioError, VfioError } from '../../base/errors.ts'
import {
  deviceState,
  migrationFlag,
  vfioDeviceFeatureMigDataSize,
  vfioDeviceFeatureMigration,
  vfioDeviceFeatureMigState,
} from '../../uapi/features.ts'
import { request } from '../../uapi/requests.ts'
import { decode, encode } from '../../uapi/struct.ts'
import { orClose } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { DeviceFeatures } from '../calls/device-features.ts'
import { MigrationData } from './migration-data.ts'

/** enum vfio_device_mig_state. In state error, only a reset helps. */
export type MigrationState =
  | 'error'
  | 'stop'
  | 'running'
  | 'stop-copy'
  | 'resuming'
  | 'running-p2p'
  | 'pre-copy'
  | 'pre-copy-p2p'

const stateNumbers: Readonly<Record<MigrationState, number>> = {
  error: deviceState.VFIO_DEVICE_STATE_ERROR,
  stop: deviceState.VFIO_DEVICE_STATE_STOP,
  running: deviceState.VFIO_DEVICE_STATE_RUNNING,
  'stop-copy': deviceState.VFIO_DEVICE_STATE_STOP_COPY,
  resuming: deviceState.VFIO_DEVICE_STATE_RESUMING,
  'running-p2p': deviceState.VFIO_DEVICE_STATE_RUNNING_P2P,
  'pre-copy': deviceState.VFIO_DEVICE_STATE_PRE_COPY,
  'pre-copy-p2p': deviceState.VFIO_DEVICE_STATE_PRE_COPY_P2P,
}

/** States that have a stream: out of the device, or into it. */
const streaming: readonly MigrationState[] = ['stop-copy', 'resuming', 'pre-copy', 'pre-copy-p2p']

/** States of a device that runs, with a stream. */
const preCopying: readonly MigrationState[] = ['pre-copy', 'pre-copy-p2p']

/** Limits for reading a device’s state, in bytes. */
export interface SaveOptions {
  /** Bytes of a chunk at most; 1 MiB if absent. */
  readonly chunkBytes?: number
  /** Bytes of the whole stream at most; 256 GiB if absent. A driver that goes on beyond them is OUT_OF_RANGE. */
  readonly limit?: number
}

/** Options for loading a saved state. */
export interface RestoreOptions {
  /** True if the device is to run afterwards (default: true). */
  readonly run?: boolean
}

const stateName = v.custom<MigrationState>(
  (value) => typeof value === 'string' && isState(value),
  `must be one of ${Object.keys(stateNumbers).join(', ')}`,
)
/** As much as one call moves at once on any kernel. */
const maxChunk = 2 ** 30
const saveOptions = v.optional(
  v.strictObject({
    chunkBytes: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(maxChunk))),
    limit: v.optional(count),
  }),
  {},
)
const restoreOptions = v.optional(v.strictObject({ run: v.optional(v.boolean()) }), {})
/** Bytes alone would be taken for a list of numbers. */
const chunks = v.custom<Iterable<Uint8Array> | AsyncIterable<Uint8Array>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !isUint8Array(value) &&
    (Symbol.iterator in value || Symbol.asyncIterator in value),
  'must be a list or a stream of Uint8Arrays',
)

/**
 * Migration of an open device (VFIO_DEVICE_FEATURE_MIGRATION, since Linux 5.18): its state leaves and enters it as a
 * stream.
 */
export class Migration {
  /** `p2p`: others may reach it while it changes state. `preCopy`: part of its state can be read while it runs. */
  readonly can: { readonly stopCopy: boolean; readonly p2p: boolean; readonly preCopy: boolean }
  readonly #device: Descriptor
  readonly #features: DeviceFeatures
  #data: MigrationData | null = null
  #isBusy = false

  /** Throws NOT_SUPPORTED if the device's driver does not migrate. */
  constructor(device: Descriptor, features: DeviceFeatures) {
    const answer = features.get('migration', new Uint8Array(vfioDeviceFeatureMigration.size))
    const { flags } = decode(vfioDeviceFeatureMigration, answer)
    const has = (flag: number) => (flags & BigInt(flag)) !== 0n
    this.can = {
      stopCopy: has(migrationFlag.VFIO_MIGRATION_STOP_COPY),
      p2p: has(migrationFlag.VFIO_MIGRATION_P2P),
      preCopy: has(migrationFlag.VFIO_MIGRATION_PRE_COPY),
    }
    this.#device = device
    this.#features = features
  }

  /** Throws MALFORMED_REPLY for a state that linux/vfio.h does not know. */
  get state(): MigrationState {
    const bytes = encode(vfioDeviceFeatureMigState, { data_fd: -1 })
    const { device_state } = decode(vfioDeviceFeatureMigState, this.#features.get('mig-device-state', bytes))
    const found = Object.entries(stateNumbers).find(([, number]) => number === device_state)?.[0]
    if (isState(found)) return found
    throw new VfioError('MALFORMED_REPLY', `${this.#device.what} says that it is in state ${device_state}`, {
      facts: { state: device_state },
    })
  }

  /** The longest stream once the device has stopped, in bytes (VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, Linux 6.2). */
  stopCopySize(): bigint {
    const answer = this.#features.get('mig-data-size', new Uint8Array(vfioDeviceFeatureMigDataSize.size))
    return decode(vfioDeviceFeatureMigDataSize, answer).stop_copy_length
  }

  /**
   * Moves the device to a state; the kernel goes through those between. Returns the stream that the state comes with:
   * from pre-copy to stop-copy, the same one goes on. Null for a state without one. Throws INVALID_ARGUMENT if no way
   * leads there, or what was restored is not whole.
   */
  move(state: MigrationState): MigrationData | null {
    checked('move', stateName, state, 'its state')
    // No way leads there. Linux 6.12 (all until a fix of June 2026) looks for one without end and keeps the processor.
    if (preCopying.includes(state) && this.state === 'stop-copy') {
      const what = `cannot move the migration state of ${this.#device.what} to ${state}: no way leads there from stop-copy`
      throw new VfioError('INVALID_ARGUMENT', what, { facts: { state } })
    }
    const bytes = encode(vfioDeviceFeatureMigState, { device_state: stateNumbers[state], data_fd: -1 })
    const answer = this.#features.set('mig-device-state', bytes, {
      goal: `move the migration state to ${state}`,
      reasons: {
        EINVAL: () => ({
          code: 'INVALID_ARGUMENT',
          because: 'no way leads there from its state, or what it was given to resume from is not whole',
          facts: { state },
        }),
      },
    })
    const { data_fd } = decode(vfioDeviceFeatureMigState, answer)
    if (data_fd >= 0) {
      const data = new MigrationData(this.#device.kernel, data_fd, this.#device.what)
      orClose([data], () => this.#device.hold(data))
      this.#endData()
      this.#data = data
    } else if (!streaming.includes(state)) this.#endData()
    return this.#data
  }

  /**
   * The device's state, in chunks: while it runs as far as it can, then stopped. It stays stopped after the last chunk,
   * and goes on running if the loop ends before.
   */
  async *save(options?: SaveOptions): AsyncGenerator<Uint8Array, void> {
    const { chunkBytes = 2 ** 20, limit = 2 ** 38 } = checked('save', saveOptions, options, 'its options')
    this.#begin()
    let left = limit
    let isWhole = false
    try {
      for (const state of this.can.preCopy ? (['pre-copy', 'stop-copy'] as const) : (['stop-copy'] as const)) {
        const data = this.#streamOf(state)
        while (state === 'stop-copy' || data.preCopyInfo().initialBytes > 0n) {
          const chunk = new Uint8Array(chunkBytes)
          const length = data.read(chunk)
          if (length === 0) break
          left -= length
          if (left < 0) throw this.#endless(limit)
          yield chunk.subarray(0, length)
          await setImmediate()
        }
      }
      this.move('stop')
      isWhole = true
    } finally {
      this.#isBusy = false
      if (!isWhole && !this.#device.closed) this.move('running')
    }
  }

  /**
   * Gives the device a state that `save` took from one of its kind. If that fails, it is reset, so that it runs as if
   * new; an error that says in which state it is left if even that fails.
   */
  async restore(stream: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, options?: RestoreOptions): Promise<void> {
    checked('restore', chunks, stream, 'its stream')
    const { run = true } = checked('restore', restoreOptions, options, 'its options')
    this.#begin()
    try {
      const data = this.#streamOf('resuming')
      for await (const chunk of stream) data.write(chunk)
      this.move('stop')
      if (run) this.move('running')
    } catch (error) {
      throw await this.#giveUp(asVfioError(error))
    } finally {
      this.#isBusy = false
    }
  }

  #begin(): void {
    if (this.#isBusy) {
      throw new VfioError('DEVICE_BUSY', `${this.#device.what} is being saved or restored already`)
    }
    this.#isBusy = true
  }

  #streamOf(state: MigrationState): MigrationData {
    const data = this.move(state)
    if (data !== null) return data
    throw new VfioError('MALFORMED_REPLY', `${this.#device.what} is in state ${state} and gave no stream for it`, {
      facts: { state },
    })
  }

  #endData(): void {
    const data = this.#data
    this.#data = null
    if (data === null) return
    this.#device.release(data)
    data.close()
  }

  /** A reset ends a migration, also of drivers that do not say that they have one. */
  async #giveUp(error: VfioError): Promise<VfioError> {
    try {
      this.#endData()
      await this.#device.kernel.ioctlAsync(this.#device.fd, request.VFIO_DEVICE_RESET)
      if (this.state === 'running') return error
    } catch {
      // what is left is told below
    }
    if (this.#device.closed) return error
    const { state } = this
    return new VfioError(error.code, `${error.message}; the device is left in state ${state}`, {
      hint: 'only a reset, or removing the device, ends that',
      facts: { ...error.facts, state },
      cause: error.cause ?? error,
    })
  }

  #endless(limit: number): VfioError {
    return new VfioError('OUT_OF_RANGE', `the migration data of ${this.#device.what} is longer than ${limit} bytes`, {
      facts: { limit },
    })
  }
}

function isState(name: string | undefined): name is MigrationState {
  return name !== undefined && Object.hasOwn(stateNumbers, name)
}
