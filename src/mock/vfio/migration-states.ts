import { deviceState } from '../../uapi/migration.ts'
import { Errno } from '../errno.ts'

const { VFIO_DEVICE_STATE_ERROR } = deviceState

/**
 * The step that leads from one state (the row) towards another (the digit of its number), in the order of their numbers:
 * vfio_mig_get_next_state, for a driver that does P2P and pre-copy. 0 is no way at all.
 */
const steps: readonly string[] = [
  '00000000',
  '01534555',
  '05255565',
  '01131100',
  '01114111',
  '01211527',
  '02272267',
  '05535567',
]

/** EINVAL where no way leads there, or it is no state. */
export function nextState(from: number, to: number): number {
  const next = Number(steps[from]?.[to] ?? VFIO_DEVICE_STATE_ERROR)
  if (next === VFIO_DEVICE_STATE_ERROR) throw new Errno('EINVAL')
  return next
}
