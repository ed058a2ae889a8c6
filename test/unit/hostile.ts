// Hostile input for parsers: few of it in `npm test`, 100,000 for each parser in the long run.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import { isSoak, tell } from '../soak.ts'

export const hostileInputs: number = isSoak ? 100_000 : 500

type Answer = { readonly value: unknown } | { readonly error: unknown }

/** Counts of values and errors, so that a test can say that its inputs reach both. */
export interface Outcomes {
  readonly values: number
  readonly errors: number
}

/**
 * Whatever it is given, the parser has a value or an error that it means: a VfioError, unless `isMeant` says otherwise.
 */
export function expectAnswers<T>(
  hostile: fc.Arbitrary<T>,
  parse: (input: T) => unknown,
  isMeant: (error: unknown) => boolean = (error) => error instanceof VfioError,
): Outcomes {
  let values = 0
  let errors = 0
  const start = performance.now()
  fc.assert(
    fc.property(hostile, (input) => {
      const answer = answerOf(() => parse(input))
      if ('value' in answer) values++
      else if (isMeant(answer.error)) errors++
      else throw answer.error
    }),
    { numRuns: hostileInputs },
  )
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  tell(`${expect.getState().currentTestName}: ${values} values, ${errors} errors in ${seconds} s`)
  return { values, errors }
}

/** The same for a parser of bytes, which must not see what stands before and behind them. */
export function expectAnswersToBytes(
  hostile: fc.Arbitrary<Uint8Array>,
  parse: (bytes: Uint8Array) => unknown,
  isMeant?: (error: unknown) => boolean,
): Outcomes {
  const parseAmid = (bytes: Uint8Array): unknown => {
    const [answer, other] = [0x00, 0xff].map((neighbour) => answerOf(() => parse(amid(bytes, neighbour))))
    if (answer === undefined || !isDeepStrictEqual(answer, other)) throw new Error('it read beyond its bytes')
    if ('error' in answer) throw answer.error
    return answer.value
  }
  return expectAnswers(hostile, parseAmid, isMeant)
}

function answerOf(act: () => unknown): Answer {
  try {
    return { value: act() }
  } catch (error) {
    return { error }
  }
}

function amid(bytes: Uint8Array, neighbour: number): Uint8Array {
  const whole = new Uint8Array(bytes.length + 64).fill(neighbour)
  whole.set(bytes, 32)
  return whole.subarray(32, 32 + bytes.length)
}

/** Words that mean something in the kernel's structs come up often enough to reach the chains and the capabilities. */
const word = fc.oneof(
  { weight: 4, arbitrary: fc.nat(64) },
  { weight: 4, arbitrary: fc.nat(16).map((words) => 4 * words) },
  { weight: 2, arbitrary: fc.constantFrom(0x80, 0xff, 0x1_0001, 0x1_0002, 0x1_0003, 0x1_0005) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
)

export const structBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.array(word, { maxLength: 40 }), fc.nat(3))
  .map(([words, cut]) =>
    new Uint8Array(Uint32Array.from(words).buffer).subarray(0, Math.max(0, 4 * words.length - cut)),
  )

/** Up to `longest` bytes of noise; for more than fast-check makes one by one in time. */
export function noise(longest: number): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat(longest), fc.integer()).map(([length, seed]) => {
    const bytes = new Uint8Array(length)
    let state = seed | 1
    for (let at = 0; at < length; at++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[at] = state
    }
    return bytes
  })
}

/** Text out of the pieces that a format is made of, and of any other text. */
export function textOf(...pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: fc.string() })
  return fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''))
}

/** A text with some of it cut out, doubled or replaced: comes further into a parser than noise does. */
export function spoilt(text: string): fc.Arbitrary<string> {
  const change = fc.tuple(fc.nat(text.length), fc.nat(12), fc.oneof(fc.string({ maxLength: 4 }), fc.constant(text)))
  return fc
    .array(change, { maxLength: 4 })
    .map((changes) => changes.reduce((now, [at, cut, put]) => now.slice(0, at) + put + now.slice(at + cut), text))
}
