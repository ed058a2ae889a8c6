import { parseSpec } from '../../lifecycle/spec/parse-spec.ts'
import type { Spec } from '../../lifecycle/spec/spec.ts'
import { type Option, type RequiredPositional, text } from '../command.ts'
import { readCallersFile } from '../io/callers-file.ts'
import type { Io } from '../io/io.ts'

export const specFile: RequiredPositional<string> = {
  kind: 'required',
  completes: 'file',
  parse: text,
  describe: 'what should be there, in YAML or JSON; - is stdin',
}

export const config: Option<string> = {
  kind: 'option',
  value: 'LABEL',
  completes: 'nothing',
  parse: text,
  describe: 'which config of a file of NVIDIA’s vgpu-device-manager',
}

export function readSpec(path: string, label: string | undefined, io: Io): Spec {
  return parseSpec(readCallersFile(path, path, io), path === '-' ? 'stdin' : path, label)
}
