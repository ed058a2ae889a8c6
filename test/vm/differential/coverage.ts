import type { Call } from './call.ts'
import type { Outcome } from './side.ts'

/** Counts of calls by kind: those that did something, those refused, and those not made. */
export class Coverage {
  readonly #counts = new Map<string, { done: number; refused: number; leftOut: number }>()
  readonly #errors = new Set<string>()

  add(call: Call, outcome: Outcome): void {
    const name = call.kind === 'ioctl' ? call.request : call.kind
    const counts = this.#counts.get(name) ?? { done: 0, refused: 0, leftOut: 0 }
    this.#counts.set(name, counts)
    const [refusal] = outcome.match(/^E[A-Z0-9]+\b/) ?? []
    if (outcome.startsWith('left out')) counts.leftOut++
    else if (outcome.startsWith('nothing')) return
    else if (refusal === undefined) counts.done++
    else counts.refused++
    if (refusal !== undefined) this.#errors.add(`${name} ${refusal}`)
  }

  get calls(): number {
    return [...this.#counts.values()].reduce((sum, { done, refused }) => sum + done + refused, 0)
  }

  get leftOut(): number {
    return [...this.#counts.values()].reduce((sum, { leftOut }) => sum + leftOut, 0)
  }

  /** Kinds of calls that were made and never did anything. */
  get onlyRefused(): string[] {
    return [...this.#counts].filter(([, { done, refused }]) => done === 0 && refused > 0).map(([name]) => name)
  }

  toString(): string {
    const rows = [...this.#counts].map(([name, counts]) => `${name} ${Object.values(counts).join('/')}`)
    return `${rows.sort().join(', ')}; ${this.#errors.size} refusals: ${[...this.#errors].sort().join(', ')}`
  }
}
