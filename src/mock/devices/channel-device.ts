import { ccwCommand } from '../../uapi/ccw/channel-command.ts'

/** The first sense byte of a command that the device does not know (SNS0_CMD_REJECT). */
const commandReject = 0x80
const senseSize = 32

/** What a command of a channel device gives. */
export interface CommandEnd {
  /** For the program, as much as its count lets in. */
  readonly data: Uint8Array
  /** The device refuses it, and has sense bytes that say why. */
  readonly unitCheck: boolean
}

/** A device behind a subchannel, which knows what every device does: no-op, sense, sense ID. It refuses the rest. */
export class ChannelDevice {
  readonly #id: Uint8Array
  #sense = new Uint8Array(senseSize)

  /** Types and models as sysfs shows them: of the control unit '3990/e9', of the device '3390/0c'. */
  constructor(controlUnit: string, device: string) {
    const bytes = (type: string) => Buffer.from(type.replace('/', ''), 'hex')
    this.#id = Uint8Array.of(0xff, ...bytes(controlUnit), ...bytes(device))
  }

  perform(command: number): CommandEnd {
    switch (command) {
      case ccwCommand.CCW_CMD_NOOP:
        return { data: new Uint8Array(0), unitCheck: false }
      case ccwCommand.CCW_CMD_BASIC_SENSE: {
        const data = this.#sense
        this.#sense = new Uint8Array(senseSize)
        return { data, unitCheck: false }
      }
      case ccwCommand.CCW_CMD_SENSE_ID:
        return { data: this.#id, unitCheck: false }
      default:
        this.#sense[0] = commandReject
        return { data: new Uint8Array(0), unitCheck: true }
    }
  }

  forget(): void {
    this.#sense.fill(0)
  }
}
