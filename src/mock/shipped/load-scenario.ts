import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { closest, distance } from 'fastest-levenshtein'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'
import { parseScenario, readScenario } from '../scenario/read-scenario.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { isScenarioName, scenarioNames } from './names.ts'
import { shipped } from './shipped.ts'

/**
 * A scenario by the name of one that ships, or from a file: JSON, or a module whose default export it is. NOT_FOUND for
 * what is neither; NOT_SUPPORTED for TypeScript if this Node cannot read it; INVALID_DEFINITION, which names the file
 * and the field, for what is no scenario.
 */
export function loadScenario(
  nameOrFile: string,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Scenario {
  if (isScenarioName(nameOrFile)) return shipped[nameOrFile]
  let text: string
  try {
    text = readFile(nameOrFile)
  } catch (error) {
    throw error instanceof VfioError ? error : notThere(nameOrFile, error)
  }
  return isModule(nameOrFile) ? parseScenario(defaultExport(nameOrFile), nameOrFile) : readScenario(text, nameOrFile)
}

/** True if a scenario's file is code, which is run to load it. */
export function isModule(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file)
}

/** A name that is not a file may be one of ours, misspelt. */
const maxTypos = 3

function notThere(nameOrFile: string, cause: unknown): VfioError {
  const missing = failedWith(cause, 'ENOENT')
  const nearest = closest(nameOrFile, Object.keys(scenarioNames))
  const question = distance(nameOrFile, nearest) <= maxTypos ? `; did you mean ${nearest}?` : ''
  const because = missing ? `there is no such file${question}` : kernelAnswer(cause)
  const what = `no simulated host '${printable(nameOrFile)}': ${because}`
  return new VfioError(missing ? 'NOT_FOUND' : 'SYSTEM_CALL_FAILED', what, {
    cause,
    hint: `--mock=NAME, of ${Object.keys(scenarioNames).join(', ')}, or a scenario file`,
  })
}

/** Synchronous, as a host opens: Node 20.19 and later `require` modules that do not wait for anything. */
function defaultExport(file: string): unknown {
  const path = resolve(file)
  const features: object = process.features
  const readsTypes = 'typescript' in features && Boolean(features.typescript)
  if (/ts$/.test(file) && !readsTypes) {
    const what = `${file} is TypeScript, which Node ${process.version} does not read: 22.18 and later do`
    throw new VfioError('NOT_SUPPORTED', what, { path: file, hint: 'a newer Node, or the same as .mjs or .json' })
  }
  let module: unknown
  try {
    module = createRequire(pathToFileURL(path))(path)
  } catch (error) {
    const reason = error instanceof Error ? printable(error.message.split('\n', 1)[0] ?? '') : 'it threw'
    throw new VfioError('INVALID_DEFINITION', `${file} cannot be loaded: ${reason}`, { path: file, cause: error })
  }
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : module
}
