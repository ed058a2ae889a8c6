import { isScenarioName } from '../../mock/shipped/names.ts'
import { defaultMock } from '../arguments/global-options.ts'
import { commands } from '../command/commands.ts'
import { shellQuoted } from './shell-quoted.ts'

/** These are about this machine or about none, whichever was given. */
const ofNoHost = new Set(['capture', 'completion', 'spec'])
/** An option between these and their action would take the action for its value. */
const actions: Readonly<Record<string, string>> = { boot: 'install|remove|status', mock: 'reset|reboot' }
const words = Object.keys(commands)
  .filter((word) => !ofNoHost.has(word))
  .map((word) => (actions[word] === undefined ? word : `${word} (?:${actions[word]})`))
const commandLine = new RegExp(`\\bvfioctl (?:${words.join('|')})\\b(?! --(?:mock|root|help))`, 'g')

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
