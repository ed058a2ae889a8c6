import { VfioError } from '../../base/errors.ts'
import { counted, printable } from '../../base/units.ts'
import { checkSpec, type SpecFault } from '../../lifecycle/spec/check-spec.ts'
import { given } from '../arguments/change-options.ts'
import { config, readSpec } from '../arguments/spec-file.ts'
import { action, type Command, command, text, usageError } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { json } from '../output/output.ts'
import { specExampleFile, specExamples } from '../output/spec-examples.ts'

const names = Object.keys(specExamples)

const spec: Command = command({
  arguments: {
    action: action('spec', {
      validate: 'check a spec file without a host, and show all that is wrong in it',
      example: `print a spec file to begin with: ${names.join(', ')}`,
      schema: 'print the JSON Schema of spec files, for editors',
    }),
    of: {
      kind: 'optional',
      completes: 'file',
      parse: text,
      describe: 'the file to validate, - for stdin; or what the example is of',
    },
    config,
  },
  examples: [
    ['vfioctl spec example xe > host.yaml', 'a file to begin with'],
    ['vfioctl spec validate host.yaml', 'all that is wrong, each with its line and column'],
    ['vfioctl spec schema > vfioctl.schema.json', 'for an editor: # yaml-language-server: $schema=vfioctl.schema.json'],
  ],
  async run({ action, of, config }, context, io) {
    if (action === 'validate') return validate(of, config, context.options.json, io)
    if (config !== undefined) throw usageError(`--config is for spec validate, not for spec ${action}`)
    if (action === 'example') return io.out(exampleOf(of ?? 'host'))
    if (of !== undefined) throw usageError('spec schema takes no argument', 'vfioctl spec schema')
    const { specJsonSchema } = await import('../output/spec-json-schema.ts')
    io.out(json(specJsonSchema()))
  },
})
export default spec

/** The faults are data, a line each, as compilers have them; INVALID_SPEC after them. */
async function validate(file: string | undefined, label: string | undefined, asJson: boolean, io: Io): Promise<void> {
  if (file === undefined) throw usageError('spec validate takes a file', 'vfioctl spec validate FILE')
  const [source, { path = file }] = readSpec(file, label, io)
  const check = checkSpec(source, given({ config: label }))
  if (asJson) io.out(json({ path, ...check }))
  else io.out(check.faults.map((fault) => `${inFile(path, fault)}\n`).join(''))
  if (!check.valid) {
    const count = counted(check.faults.length, 'fault')
    throw new VfioError('INVALID_SPEC', `${path} has ${count}${check.more ? ' or more' : ''}`, {
      path,
      hint: 'vfioctl help spec lists the keys; vfioctl spec example shows a file',
    })
  }
  if (!asJson) io.err(`${path} has no fault; plan shows what it changes on a host\n`)
}

function inFile(path: string, { line, column, place, what }: SpecFault): string {
  return `${line === null ? path : `${path}:${line}:${column}`}: ${place}: ${what}`
}

function exampleOf(name: string): string {
  const example = Object.hasOwn(specExamples, name) ? specExamples[name] : undefined
  if (example !== undefined) return specExampleFile(example)
  throw usageError(`there is no example of ${printable(name)}: there are ${names.join(', ')}`, 'vfioctl spec example')
}
