import * as v from 'valibot'
import { FunctionDefinitions } from '../../device/function-definitions.ts'
import { sharesOrNull } from '../../device/gpu-shares.ts'
import { type XeIdentity, xeIdentity } from './xe-identity.ts'

const shares = v.pipe(
  v.string(),
  v.check((text) => sharesOrNull(text) !== null, 'must be shares such as vram=8GiB,quantum=10ms'),
)

/** The shares that functions are to have: /etc/vfioctl.d/xe-functions/ADDRESS.json. */
export const xeDefinitions: FunctionDefinitions<XeIdentity> = new FunctionDefinitions(
  'xe-functions',
  'definition of a share of a GPU',
  shares,
  xeIdentity,
)
