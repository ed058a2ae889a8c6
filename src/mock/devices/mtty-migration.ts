import {
  deviceState,
  migrationFlag,
  vfioDeviceFeatureMigDataSize,
  vfioDeviceFeatureMigration,
  vfioDeviceFeatureMigState,
} from '../../uapi/migration.ts'
import { decode, encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../errno.ts'
import type { OpenFile } from '../open-file.ts'
import type { CallingProcess } from '../sdk/feature.ts'
import { nextState } from '../vfio/migration-states.ts'
import { ResumeFile, SaveFile } from './migration-file.ts'
import { portSize, type Uart } from './uart.ts'

const {
  VFIO_DEVICE_STATE_STOP,
  VFIO_DEVICE_STATE_RUNNING,
  VFIO_DEVICE_STATE_STOP_COPY,
  VFIO_DEVICE_STATE_RESUMING,
  VFIO_DEVICE_STATE_RUNNING_P2P,
  VFIO_DEVICE_STATE_PRE_COPY,
  VFIO_DEVICE_STATE_PRE_COPY_P2P,
} = deviceState
const { VFIO_MIGRATION_STOP_COPY, VFIO_MIGRATION_P2P, VFIO_MIGRATION_PRE_COPY } = migrationFlag
const preCopying: readonly number[] = [VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P]

/** u64 magic, u32 major and minor version, number of ports, flags. */
const headerSize = 24
const magic = 0x7e9d_0989_8c3e_2c4en
const majorVersion = 1

/** What mtty does of migration since Linux 6.7: its ports are 36 bytes each, behind a header that can be pre-copied. */
export class MttyMigration {
  readonly #ports: readonly Uart[]
  #state: number
  #saving: SaveFile | null = null
  #resuming: ResumeFile | null = null
  #hasInfoV2 = false

  constructor(ports: readonly Uart[], state: number) {
    this.#ports = ports
    this.#state = state
  }

  /** As `save` keeps it: a device that is closed stays in it. */
  get state(): number {
    return this.#state
  }

  /** VFIO_DEVICE_FEATURE_MIGRATION. */
  getAbilities(data: Uint8Array): void {
    const flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY
    encodeInto(vfioDeviceFeatureMigration, data, { flags: BigInt(flags) })
  }

  /** VFIO_DEVICE_FEATURE_MIG_DATA_SIZE. */
  getDataSize(data: Uint8Array): void {
    encodeInto(vfioDeviceFeatureMigDataSize, data, { stop_copy_length: BigInt(this.#size) })
  }

  /** VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE. */
  getState(data: Uint8Array): void {
    encodeInto(vfioDeviceFeatureMigState, data, { device_state: this.#state, data_fd: -1 })
  }

  setState(data: Uint8Array, { fds }: CallingProcess): void {
    const { device_state } = decode(vfioDeviceFeatureMigState, data)
    encodeInto(vfioDeviceFeatureMigState, data, { data_fd: -1 })
    let file: OpenFile | null = null
    while (this.#state !== device_state) {
      const next = nextState(this.#state, device_state)
      file = this.#step(next)
      this.#state = next
    }
    if (file !== null) encodeInto(vfioDeviceFeatureMigState, data, { data_fd: fds.add(file) })
  }

  /** VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2. */
  setInfoV2(): void {
    this.#hasInfoV2 = true
  }

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

  get #size(): number {
    return headerSize + this.#ports.length * portSize
  }

  #step(next: number): OpenFile | null {
    if (this.#state === VFIO_DEVICE_STATE_RESUMING) this.#load()
    if (next === VFIO_DEVICE_STATE_RESUMING) return this.#startResuming()
    if (preCopying.includes(next) || next === VFIO_DEVICE_STATE_STOP_COPY) return this.#startSaving(next)
    const isRunning = next === VFIO_DEVICE_STATE_RUNNING || next === VFIO_DEVICE_STATE_RUNNING_P2P
    const isLeavingCopy = preCopying.includes(this.#state) && isRunning
    if (isLeavingCopy || next === VFIO_DEVICE_STATE_STOP) this.endSession()
    return null
  }

  /** Null where the stream goes on that there is. */
  #startSaving(next: number): SaveFile | null {
    const existing = this.#saving
    const file = existing ?? new SaveFile(this.#header(), this.#saveState)
    this.#saving = file
    if (next === VFIO_DEVICE_STATE_STOP_COPY) for (const port of this.#ports) file.append(port.toBytes())
    return existing === null ? file : null
  }

  readonly #saveState = {
    isPreCopy: () => preCopying.includes(this.#state),
    answersFlags: () => this.#hasInfoV2,
  }

  #startResuming(): ResumeFile {
    const header = this.#header()
    const file = new ResumeFile(this.#size, headerSize, (written) => Buffer.compare(written, header) === 0)
    this.#resuming = file
    return file
  }

  #load(): void {
    const data = this.#resuming?.data ?? new Uint8Array()
    if (data.length < this.#size) throw new Errno('EINVAL')
    for (const [index, port] of this.#ports.entries()) {
      port.fromBytes(data.subarray(headerSize + index * portSize, headerSize + (index + 1) * portSize))
    }
  }

  #header(): Uint8Array {
    const view = new DataView(new ArrayBuffer(headerSize))
    view.setBigUint64(0, magic, true)
    view.setUint32(8, majorVersion, true)
    view.setUint32(16, this.#ports.length, true)
    return new Uint8Array(view.buffer)
  }
}
