import { ccwCommand } from '../../uapi/ccw/channel-command.ts'

/** The first sense byte of a command that the device does not know (SNS0_CMD_REJECT). */
const commandReject = 0x80
const senseSize = 32
const noData = new Uint8Array(0)

/** Result of a command of a channel device. */
export interface CommandEnd {
  /** For the program, as much as its count lets in. */
  readonly data: Uint8Array
  /** The device refuses it, and these say why; null if it does not. */
  readonly sense: Uint8Array | null
}

/** A device behind a subchannel, which knows what every device does: no-op, sense, sense ID. It refuses the rest. */
export class ChannelDevice {
  readonly #id: Uint8Array

  /** Types and models as sysfs shows them: of the control unit '3990/e9', of the device '3390/0c'. */
  constructor(controlUnit: string, device: string) {
    const bytes = (type: string) => Buffer.from(type.replace('/', ''), 'hex')
    this.#id = Uint8Array.of(0xff, ...bytes(controlUnit), ...bytes(device))
  }

  /** Linux has the sense come with the unit check (concurrent sense), so none is left for BASIC SENSE. */
  perform(command: number): CommandEnd {
    switch (command) {
      case ccwCommand.CCW_CMD_NOOP:
        return { data: noData, sense: null }
      case ccwCommand.CCW_CMD_BASIC_SENSE:
        return { data: new Uint8Array(senseSize), sense: null }
      case ccwCommand.CCW_CMD_SENSE_ID:
        return { data: this.#id, sense: null }
      default: {
        const sense = new Uint8Array(senseSize)
        sense[0] = commandReject
        return { data: noData, sense }
      }
    }
  }
}
