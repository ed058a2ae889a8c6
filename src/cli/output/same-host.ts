import { isScenarioName } from '../../mock/shipped/names.ts'
import { defaultMock } from '../arguments/global-options.ts'
import { commands } from '../command/commands.ts'
import { shellQuoted } from './shell-quoted.ts'

/** These are about this machine or its simulated hosts, whichever was given. */
const ofNoHost = new Set(['boot', 'capture', 'completion', 'mock', 'spec'])
const words = Object.keys(commands).filter((word) => !ofNoHost.has(word))
const commandLine = new RegExp(`\\bvfioctl (${words.join('|')})\\b(?! --(?:mock|root|help))`, 'g')

/** The `--mock` and `--root` of the command line. */
export interface GivenHost {
  readonly mock: string | null
  readonly root: string | null
}

/** Words for people, with `--mock` or `--root` as it was given in each command line that they name. */
export function forSameHost(text: string, { mock, root }: GivenHost): string {
  if (mock === null && root === null) return text
  const option = root === null ? mockOption(mock ?? '') : `--root ${shellQuoted(root)}`
  return text.replace(commandLine, (found) => `${found} ${option}`)
}

function mockOption(mock: string): string {
  if (mock === defaultMock) return '--mock'
  return isScenarioName(mock) ? `--mock ${mock}` : `--mock=${shellQuoted(mock)}`
}
