import { runInNewContext } from 'node:vm'

export function thrower(): never {
  throw thrown
}

/** The error that code of the caller's throws. */
export const thrown = new Error('the caller threw this')

function detached(): Uint8Array {
  const bytes = new Uint8Array(4)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

export const aborted = AbortSignal.abort(new Error('the caller aborted'))

/** Values that JavaScript hands over if nobody checks types. */
export const hostile: readonly unknown[] = [
  ...[undefined, null, true, false, '', '4', 'a\0b', '\u001b[2J', 'x'.repeat(300), '__proto__', 'constructor'],
  ...[Number.NaN, Infinity, -Infinity, -1, 1.5, -0.5, 2 ** 31, 2 ** 32, 2 ** 32 + 4, 2 ** 53, -(2 ** 53), 1e300],
  ...[0n, -1n, 1n << 32n, 1n << 64n, -(1n << 63n), 1n << 2000n],
  ...[
    Symbol('x'),
    Symbol.iterator,
    () => 0,
    class {},
    {},
    [],
    new Array(2 ** 32 - 1),
    [undefined],
    [[]],
    Object.create(null),
  ],
  ...[
    new Uint8Array(0),
    detached(),
    new Uint8Array(new SharedArrayBuffer(4)),
    new Uint16Array(2),
    new Uint8ClampedArray(4),
  ],
  ...[new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), Object.create(Uint8Array.prototype)],
  ...[aborted, { aborted: false, addEventListener: thrower }, Object.create(AbortSignal.prototype)],
  ...[
    runInNewContext('({})'),
    runInNewContext('[1.5]'),
    new Date(Number.NaN),
    new Map(),
    /x/,
    new Error('x'),
    Promise.resolve(1),
  ],
  { toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower },
  { length: 2 ** 32 },
  new Proxy(
    {},
    { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower, getOwnPropertyDescriptor: thrower },
  ),
  new Proxy([], { get: thrower, ownKeys: thrower, getOwnPropertyDescriptor: thrower }),
]
