import type { PlanOptions } from '../../lifecycle/plan/plan-spec.ts'
import { largestSpec } from '../../lifecycle/spec/parse-spec.ts'
import { type Option, type RequiredPositional, text } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { readCallersFile } from '../io/user-file.ts'
import { given } from './change-options.ts'

/** The positional FILE of `plan` and `apply`. */
export const specFile: RequiredPositional<string> = {
  kind: 'required',
  completes: 'file',
  parse: text,
  describe: 'the spec file, in YAML or JSON; - is stdin',
}

/** `--config`: the label in a file of nvidia-vgpu-device-manager. */
export const config: Option<string> = {
  kind: 'option',
  value: 'LABEL',
  completes: 'nothing',
  parse: text,
  describe: 'the config to take from a file of NVIDIA’s vgpu-device-manager',
}

/** The text of the caller's file, and its name and label, as `host.plan` takes them. */
export function readSpec(path: string, label: string | undefined, io: Io): [spec: string, options: PlanOptions] {
  const options = { path: path === '-' ? 'stdin' : path, ...given({ config: label }) }
  return [readCallersFile(path, path, io, largestSpec), options]
}

/** Example of a spec file, for the help. */
export const specExample: string = `\
A file:
  version: 1
  bindings:                       # drivers of devices: VFIO's, or another \`driver\`, or none
    - device: 00:1f.3             # or css/0.0.0314, platform/NAME, a list
      group: true                 # and every other endpoint in its IOMMU group
  parents:
    - parent: 3b:00.0             # or a range, a list, { vendor: 10de }, { anyWith: TYPE }
      sriov: all                  # or a number; without it, the number stays
      others: keep                # or remove: devices of types that are not named here
      devices:
        - { type: GRID T4-4Q, count: 2, owner: { group: kvm, mode: '0660' } }
        - { type: GRID T4-4Q, uuid: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001, autostart: false }`
