import { kernelAnswer, VfioError } from '../errors.ts'
import { failedWith } from '../kernel/system-error.ts'
import { parseSpec } from '../lifecycle/spec/parse-spec.ts'
import type { Spec } from '../lifecycle/spec/spec.ts'
import { type Option, type RequiredPositional, text } from './command.ts'
import type { Io } from './io.ts'

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
  let content: string
  try {
    content = io.readFile(path)
  } catch (cause) {
    const code = failedWith(cause, 'ENOENT') ? 'NOT_FOUND' : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot read ${path}: ${kernelAnswer(cause)}`, { cause, path })
  }
  return parseSpec(content, path === '-' ? 'stdin' : path, label)
}
