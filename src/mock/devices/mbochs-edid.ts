import { gfxLinkState, vfioRegionGfxEdid } from '../../uapi/features.ts'
import { decode, encode } from '../../uapi/struct.ts'
import { restoreBytes, saveBytes, savedField } from '../base/saved.ts'

const { edid_size, link_state } = vfioRegionGfxEdid.fields
const writable: readonly number[] = [edid_size[0], link_state[0]]
const blobSize = 0x400

/** The EDID region of mbochs: registers of 4 bytes, and the EDID behind them. */
export class MbochsEdid {
  readonly #blobOffset: number
  readonly #registers: Uint8Array
  readonly #blob = new Uint8Array(blobSize)

  constructor(
    { maxWidth, maxHeight, blobOffset }: { maxWidth: number; maxHeight: number; blobOffset: number },
    saved: unknown,
  ) {
    this.#blobOffset = blobOffset
    this.#registers = encode(vfioRegionGfxEdid, {
      edid_offset: blobOffset,
      edid_max_size: blobSize,
      max_xres: maxWidth,
      max_yres: maxHeight,
    })
    restoreBytes(this.#registers, savedField(saved, 'registers'))
    restoreBytes(this.#blob, savedField(saved, 'blob'))
  }

  save(): unknown {
    return { registers: saveBytes(this.#registers), blob: saveBytes(this.#blob) }
  }

  /** An access that no register takes leaves what the driver's stack held: zeros here. */
  read(into: Uint8Array, offset: number): void {
    into.fill(0)
    const blobOffset = this.#blobOffset
    if (offset >= blobOffset) {
      if (this.#isInBlob(offset, into.length))
        into.set(this.#blob.subarray(offset - blobOffset).subarray(0, into.length))
    } else if (isRegister(offset, into.length)) into.set(this.#registers.subarray(offset, offset + 4))
  }

  write(from: Uint8Array, offset: number): void {
    if (this.#isInBlob(offset, from.length)) this.#blob.set(from, offset - this.#blobOffset)
    else if (isRegister(offset, from.length) && writable.includes(offset)) this.#registers.set(from, offset)
  }

  /** EDID as the guest reads it: zeros without a monitor, or from its end on, which a longer read may pass. */
  show(into: Uint8Array, offset: number): void {
    into.fill(0)
    const { edid_size, link_state } = decode(vfioRegionGfxEdid, this.#registers)
    if (link_state !== gfxLinkState.VFIO_DEVICE_GFX_LINK_STATE_UP || offset >= edid_size) return
    into.set(this.#blob.subarray(offset, offset + into.length))
  }

  #isInBlob(offset: number, length: number): boolean {
    return offset >= this.#blobOffset && offset + length <= this.#blobOffset + blobSize
  }
}

function isRegister(offset: number, length: number): boolean {
  return length === 4 && offset % 4 === 0 && offset + length <= vfioRegionGfxEdid.size
}
