import { largestSpec, parseSpec } from '../../lifecycle/spec/parse-spec.ts'
import type { Spec } from '../../lifecycle/wanted/spec.ts'
import { type Option, type RequiredPositional, text } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { readCallersFile } from '../io/user-file.ts'

/** The positional FILE of `plan` and `apply`. */
export const specFile: RequiredPositional<string> = {
  kind: 'required',
  completes: 'file',
  parse: text,
  describe: 'what should be there, in YAML or JSON; - is stdin',
}

/** `--config`: the label in a file of nvidia-vgpu-device-manager. */
export const config: Option<string> = {
  kind: 'option',
  value: 'LABEL',
  completes: 'nothing',
  parse: text,
  describe: 'which config of a file of NVIDIA’s vgpu-device-manager',
}

/** The wanted state in a file, checked; INVALID_SPEC with line and column. */
export function readSpec(path: string, label: string | undefined, io: Io): Spec {
  return parseSpec(readCallersFile(path, path, io, largestSpec), path === '-' ? 'stdin' : path, label)
}

/** What a file looks like, for the help. */
export const specExample: string = `\
A file:
  version: 1
  bindings:                       # drivers of PCI devices: vfio-pci, or another \`driver\`, or none
    - device: 00:1f.3
      group: true                 # with what shares its IOMMU group
  parents:
    - parent: 3b:00.0             # or a range, a list, { vendor: 10de }, { anyWith: TYPE }
      sriov: all                  # or a number; left out, what there is
      others: keep                # or remove: devices of types that are not named here
      devices:
        - { type: GRID T4-4Q, count: 2, owner: { group: kvm, mode: '0660' } }
        - { type: GRID T4-4Q, uuid: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001, autostart: false }`
