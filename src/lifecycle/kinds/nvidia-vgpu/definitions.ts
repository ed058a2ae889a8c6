import * as v from 'valibot'
import { FunctionDefinitions } from '../../device/function-definitions.ts'
import { type VgpuIdentity, vgpuIdentity } from './vgpu-identity.ts'

const type = v.pipe(v.string(), v.regex(/^[1-9]\d{0,9}$/, 'must be the id of a type'))

/** The vGPUs that functions are to be made: /etc/vfioctl.d/vgpus/ADDRESS.json. */
export const vgpuDefinitions: FunctionDefinitions<VgpuIdentity> = new FunctionDefinitions(
  'vgpus',
  'definition of a vGPU',
  type,
  vgpuIdentity,
)
