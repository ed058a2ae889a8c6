import { deviceState, migrationFlag } from '../../uapi/features.ts'
import { Errno } from '../base/errno.ts'

const { VFIO_DEVICE_STATE_ERROR } = deviceState
const { VFIO_MIGRATION_STOP_COPY, VFIO_MIGRATION_P2P, VFIO_MIGRATION_PRE_COPY } = migrationFlag

/**
 * The step that leads from one state (the row) towards another (the digit of its number), in the order of their
 * numbers: vfio_mig_get_next_state. 0 is no way at all.
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

/** VFIO_MIGRATION_* that a driver needs for a state, by the state's number. */
const needs: readonly number[] = [
  0,
  VFIO_MIGRATION_STOP_COPY,
  VFIO_MIGRATION_STOP_COPY,
  VFIO_MIGRATION_STOP_COPY,
  VFIO_MIGRATION_STOP_COPY,
  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P,
  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_PRE_COPY,
  VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY,
]

/** Passes over states that the driver does not have. EINVAL if no way leads there, or it is no state of its. */
export function nextState(from: number, to: number, flags: number): number {
  const has = (state: number) => ((needs[state] ?? 0) & ~flags) === 0
  if (!has(to)) throw new Errno('EINVAL')
  let next = from
  do {
    next = Number(steps[next]?.[to] ?? VFIO_DEVICE_STATE_ERROR)
  } while (!has(next))
  if (next === VFIO_DEVICE_STATE_ERROR) throw new Errno('EINVAL')
  return next
}
