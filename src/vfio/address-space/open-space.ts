import * as v from 'valibot'

/**
 * An object with the methods by which devices come and go.
 * @internal
 */
export const openSpace: v.GenericSchema<unknown, object> = v.custom<object>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'attach' in value &&
    typeof value.attach === 'function' &&
    'takeOver' in value &&
    typeof value.takeOver === 'function',
  'must be an address space, as host.openAddressSpace gives',
)
