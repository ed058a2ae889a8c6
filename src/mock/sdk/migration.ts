import {
  deviceFeatures,
  deviceState,
  migrationFlag,
  vfioDeviceFeatureMigDataSize,
  vfioDeviceFeatureMigration,
  vfioDeviceFeatureMigState,
} from '../../uapi/features.ts'
import { decode, encodeInto, type Layout, type Values } from '../../uapi/struct.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import type { CallingProcess, Feature } from './feature.ts'
import { ResumeFile, SaveFile } from './migration-file.ts'
import { nextState } from './migration-states.ts'

const {
  VFIO_DEVICE_STATE_STOP,
  VFIO_DEVICE_STATE_RUNNING,
  VFIO_DEVICE_STATE_STOP_COPY,
  VFIO_DEVICE_STATE_RESUMING,
  VFIO_DEVICE_STATE_RUNNING_P2P,
  VFIO_DEVICE_STATE_PRE_COPY,
  VFIO_DEVICE_STATE_PRE_COPY_P2P,
} = deviceState
const { VFIO_MIGRATION_PRE_COPY } = migrationFlag
const preCopying: readonly number[] = [VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P]

/** Abilities and stream of a driver's migration. */
export interface MigrationOptions {
  /** The driver's name for the files of its streams. */
  readonly name: string
  /** VFIO_MIGRATION_*, of which VFIO_MIGRATION_STOP_COPY is always one. */
  readonly flags: number
  /** The state it was saved in, VFIO_DEVICE_STATE_*; running if absent. */
  readonly state?: number
  /** Bytes of the whole stream at most. */
  readonly size: () => number
  /** Start of the stream: given while the device still runs, if it can be pre-copied. */
  readonly header: () => Uint8Array
  /** Rest of the stream, once the device has stopped. */
  readonly body: () => Uint8Array
  /** Looks at what was written so far, and how much was there before; throws `Errno` if that is not its own. */
  readonly check: (data: Uint8Array, before: number) => void
  /** Takes the stream over; throws `Errno` if it is not whole. */
  readonly load: (data: Uint8Array) => void
}

/** Migration of a device model: its states, its streams, and the features by which a process asks for them. */
export class ModelMigration {
  readonly #options: MigrationOptions
  #state: number
  #saving: SaveFile | null = null
  #resuming: ResumeFile | null = null
  #hasInfoV2 = false

  constructor(options: MigrationOptions) {
    this.#options = options
    this.#state = options.state ?? VFIO_DEVICE_STATE_RUNNING
  }

  /** VFIO_DEVICE_STATE_*. A device that is closed stays in it. */
  get state(): number {
    return this.#state
  }

  /** VFIO_DEVICE_FEATURE_MIGRATION and those that go with it, by number. */
  features(traits: KernelTraits): ReadonlyMap<number, Feature> {
    const { flags, size } = this.#options
    const { migration, 'mig-device-state': state, 'mig-data-size': dataSize } = deviceFeatures
    const features = new Map<number, Feature>([
      [migration.id, getting(vfioDeviceFeatureMigration, () => ({ flags: BigInt(flags) }))],
      [dataSize.id, getting(vfioDeviceFeatureMigDataSize, () => ({ stop_copy_length: BigInt(size()) }))],
      [
        state.id,
        {
          ...getting(vfioDeviceFeatureMigState, () => ({ device_state: this.#state, data_fd: -1 })),
          set: (data, process) => this.#setState(data, process),
        },
      ],
    ])
    if (!traits.hasPrecopyInfoV2 || (flags & VFIO_MIGRATION_PRE_COPY) === 0) return features
    const setInfoV2 = () => {
      this.#hasInfoV2 = true
      return 0
    }
    return features.set(deviceFeatures['mig-precopy-info-v2'].id, { size: 0, set: setInfoV2 })
  }

  /** The device was reset: it runs, and what was under way is over. */
  reset(): void {
    this.#state = VFIO_DEVICE_STATE_RUNNING
    this.endSession()
  }

  /** The streams answer nothing any more. */
  endSession(): void {
    this.#saving?.end()
    this.#resuming?.end()
    this.#saving = null
    this.#resuming = null
  }

  get #link(): string {
    return `anon_inode:${this.#options.name}`
  }

  #setState(data: Uint8Array, { fds }: CallingProcess): number {
    const { device_state } = decode(vfioDeviceFeatureMigState, data)
    encodeInto(vfioDeviceFeatureMigState, data, { data_fd: -1 })
    let file: OpenFile | null = null
    while (this.#state !== device_state) {
      const next = nextState(this.#state, device_state, this.#options.flags)
      file = this.#step(next)
      this.#state = next
    }
    if (file !== null) encodeInto(vfioDeviceFeatureMigState, data, { data_fd: fds.add(file) })
    return 0
  }

  #step(next: number): OpenFile | null {
    if (this.#state === VFIO_DEVICE_STATE_RESUMING) this.#options.load(this.#resuming?.data ?? new Uint8Array())
    if (next === VFIO_DEVICE_STATE_RESUMING) return this.#startResuming()
    if (preCopying.includes(next) || next === VFIO_DEVICE_STATE_STOP_COPY) return this.#startSaving(next)
    const isRunning = next === VFIO_DEVICE_STATE_RUNNING || next === VFIO_DEVICE_STATE_RUNNING_P2P
    const isLeavingCopy = preCopying.includes(this.#state) && isRunning
    if (isLeavingCopy || next === VFIO_DEVICE_STATE_STOP) this.endSession()
    return null
  }

  /** Null if the stream goes on that there is. */
  #startSaving(next: number): SaveFile | null {
    const existing = this.#saving
    const isPreCopy = () => preCopying.includes(this.#state)
    const file =
      existing ?? new SaveFile(this.#link, this.#options.header(), { isPreCopy, answersFlags: () => this.#hasInfoV2 })
    this.#saving = file
    if (next === VFIO_DEVICE_STATE_STOP_COPY) file.append(this.#options.body())
    return existing === null ? file : null
  }

  #startResuming(): ResumeFile {
    const file = new ResumeFile(this.#link, this.#options.size(), this.#options.check)
    this.#resuming = file
    return file
  }
}

function getting<L extends Layout>(layout: L, values: () => Partial<Values<L>>): Feature {
  return {
    size: layout.size,
    get(data) {
      encodeInto(layout, data, values())
      return 0
    },
  }
}
