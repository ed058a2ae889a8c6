import { VfioError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { type Attribute, compactDefinition, type Definition } from '../definition/definition.ts'
import {
  type Action,
  type Event,
  firstVersion,
  parseAttributes,
  parseSupports,
  provides,
  type Question,
  type State,
  type Subject,
  type Supports,
  scriptArguments,
} from './protocol.ts'
import { calloutFolders, listScripts, notifierFolders, runScript, type ScriptOptions } from './scripts.ts'
import { sayScriptsAreElsewhere } from './scripts-not-asked.ts'

/** The script that speaks for a device's type: once one has answered, no other is asked. */
interface Owner {
  readonly path: string
  readonly supports: Supports
}

interface Answer {
  readonly path: string
  readonly status: number
  readonly stdout: string
}

/** "Not my type": the next script is asked. */
const notMine = 2

/** Options for running callout scripts, and for going on against their refusal. */
export interface CalloutOptions extends ScriptOptions {
  /** Go on although a script refuses. */
  readonly force?: boolean
}

/**
 * The vendor's scripts around a change to one device (mdevctl's callouts and notifiers, protocol version 2): they may
 * forbid it before, are told afterwards, and know the attributes of a running device.
 */
export class Callouts {
  readonly #kernel: Kernel
  readonly #subject: Subject
  readonly #options: CalloutOptions
  #scripts: readonly string[] | null = null
  #owner: Owner | null = null
  #state: State = 'none'

  constructor(kernel: Kernel, { uuid, parent, type }: Subject, options: CalloutOptions = {}) {
    this.#kernel = kernel
    this.#subject = { uuid, parent, type }
    this.#options = options
  }

  /** Asks before, does `work`, and tells afterwards how it went. CALLOUT_REFUSED if a script forbids it. */
  async around<T>(action: Action, definition: Definition, work: () => Promise<T> | T): Promise<T> {
    if (!this.#kernel.runsPrograms) {
      sayScriptsAreElsewhere(this.#kernel, this.#options)
      return await work()
    }
    await this.#findOwner()
    const config = compactDefinition(definition)
    try {
      await this.#askBefore(action, config)
      return await this.#doAndTell(action, config, work)
    } finally {
      await this.#notify(action)
    }
  }

  /** A running device's attributes, as the vendor's script knows them; null if no script knows any. */
  async attributes(): Promise<readonly Attribute[] | null> {
    await this.#findOwner()
    const answer = await this.#call('get', 'attributes', '')
    if (answer === null) return null
    const attributes = answer.status === 0 ? parseAttributes(answer.stdout) : undefined
    if (attributes !== undefined) return attributes
    const how = answer.status === 0 ? 'gave something that is not a list of them' : `ended with ${answer.status}`
    throw new VfioError('CALLOUT_FAILED', `asked for the attributes of ${this.#subject.uuid}, ${answer.path} ${how}`, {
      path: answer.path,
      hint: 'the vendor’s script is at fault; give the attributes in a --jsonfile',
    })
  }

  /** Changes a running device, which only a script that knows its type can. */
  async modifyLive(definition: Definition): Promise<void> {
    await this.#findOwner()
    const { type, uuid } = this.#subject
    if (this.#owner === null || !takesPart(this.#owner.supports, 'live', 'modify')) {
      throw new VfioError('NOT_SUPPORTED', `${uuid} runs, and no callout script can change a running ${type}`, {
        hint: `ls ${calloutFolders[0]}; without --live, the change counts from the next start`,
        facts: { type, script: this.#owner?.path ?? null },
      })
    }
    try {
      const answer = await this.#call('live', 'modify', compactDefinition(definition))
      if (answer !== null && answer.status !== 0) throw this.#refused('modify', answer)
    } finally {
      await this.#notify('modify')
    }
  }

  async #askBefore(action: Action, config: string): Promise<void> {
    const answer = await this.#call('pre', action, config)
    if (answer === null || answer.status === 0) return
    const refusal = this.#refused(action, answer)
    if (this.#options.force !== true) throw refusal
    this.#options.onMessage?.(`${refusal.message}; done nevertheless, as --force asks`)
  }

  async #doAndTell<T>(action: Action, config: string, work: () => Promise<T> | T): Promise<T> {
    try {
      const result = await work()
      this.#state = 'success'
      return result
    } catch (error) {
      this.#state = 'failure'
      throw error
    } finally {
      // The outcome stands, whatever the script says of it now.
      await this.#call('post', action, config).catch((error: unknown) => this.#tell(error))
    }
  }

  async #notify(action: Action): Promise<void> {
    if (!this.#kernel.runsPrograms) return
    for (const path of listScripts(this.#kernel, notifierFolders)) {
      const args = scriptArguments(this.#subject, 'notify', action, this.#state)
      await runScript(this.#kernel, path, args, '', this.#options).catch((error: unknown) => this.#tell(error))
    }
  }

  #tell(error: unknown): void {
    this.#options.onMessage?.(error instanceof Error ? error.message : String(error))
  }

  /** The first script that says what it supports: it is then the only one that is asked. */
  async #findOwner(): Promise<void> {
    if (this.#owner !== null) return
    for await (const { path, stdout } of this.#answers('get', 'capabilities', provides)) {
      const supports = parseSupports(stdout)
      if (supports === null) continue
      this.#owner = { path, supports }
      return
    }
  }

  /** The owner's answer, or if there is none yet that of the first script to which the type belongs. */
  async #call(event: Event, action: Action | Question, input: string): Promise<Answer | null> {
    if (this.#owner !== null) return this.#callOwner(this.#owner, event, action, input)
    for await (const answer of this.#answers(event, action, input)) {
      if (answer.status === 0) this.#owner = { path: answer.path, supports: firstVersion }
      return answer
    }
    return null
  }

  async #callOwner({ path, supports }: Owner, event: Event, action: Action | Question, input: string): Promise<Answer> {
    if (!takesPart(supports, event, action)) {
      throw new VfioError('CALLOUT_REFUSED', `${path} says that it does not support ${event} ${action}`, {
        path,
        hint: `the script speaks for type ${this.#subject.type}; its package may be too old`,
        facts: { script: path, event, action },
      })
    }
    const end = await runScript(
      this.#kernel,
      path,
      scriptArguments(this.#subject, event, action, this.#state),
      input,
      this.#options,
    )
    if (end !== null) return { path, ...end }
    throw new VfioError('CALLOUT_FAILED', `${path} answered before and cannot be run any more`, { path })
  }

  /** Runs script after script, as long as the answers are asked for. */
  async *#answers(event: Event, action: Action | Question, input: string): AsyncGenerator<Answer> {
    this.#scripts ??= this.#kernel.runsPrograms ? listScripts(this.#kernel, calloutFolders) : []
    for (const path of this.#scripts) {
      const args = scriptArguments(this.#subject, event, action, this.#state)
      const end = await runScript(this.#kernel, path, args, input, this.#options)
      if (end !== null && end.status !== notMine) yield { path, ...end }
    }
  }

  #refused(action: Action, { path, status }: Answer): VfioError {
    const { uuid, parent, type } = this.#subject
    return new VfioError(
      'CALLOUT_REFUSED',
      `${path} refused to ${action} ${uuid} on ${parent} (${type}), status ${status}`,
      {
        path,
        hint: 'its own words are above; --force goes on against the vendor’s script, at your risk',
        facts: { script: path, action, status },
      },
    )
  }
}

function takesPart({ events, actions }: Supports, event: Event, action: Action | Question): boolean {
  return events.includes(event) && actions.includes(action)
}
