import { AttachableSpace } from '../../../src/vfio/iommu/attachable-space.ts'

/** Calls a method, or sets what has a setter, as JavaScript does: with whatever. */
export function call(object: object, method: string, given: readonly unknown[]): unknown {
  const key = keyOf(method)
  const { get, set, value } = descriptorOf(object, key) ?? {}
  if (set !== undefined || get !== undefined) return Reflect.set(object, key, given[0])
  if (typeof value !== 'function') throw new Error(`there is no ${method}`)
  return Reflect.apply(value, object, [...given])
}

const symbols = [Symbol.dispose, Symbol.asyncDispose, Symbol.iterator, Symbol.asyncIterator]

function keyOf(name: string): string | symbol {
  return symbols.find((symbol) => nameOf(symbol) === name) ?? name
}

function nameOf(key: string | symbol): string {
  // Node calls those it brought before the language did nodejs.dispose
  return typeof key === 'symbol' ? `[${key.description?.replace('nodejs.', 'Symbol.')}]` : key
}

function descriptorOf(object: object, key: string | symbol): PropertyDescriptor | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, key)
    if (found !== undefined) return found
  }
  return undefined
}

/** Every public member that there is, by reflection: what is private begins with # and is not seen. */
export function membersOf(object: object): { methods: string[]; getters: string[] } {
  const methods = new Set<string>()
  const getters = new Set<string>()
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      if (key === 'constructor' || key === Symbol.toStringTag || key === 'length') continue
      if (isProtected(object, key)) continue
      const { get, set, value } = Object.getOwnPropertyDescriptor(at, key) ?? {}
      if (typeof value === 'function' || set !== undefined) methods.add(nameOf(key))
      if (get !== undefined) getters.add(nameOf(key))
    }
  }
  return { methods: [...methods].sort(), getters: [...getters] }
}

/** True for members that TypeScript keeps from everyone but the classes below, and reflection does not. */
function isProtected(object: object, key: string | symbol): boolean {
  return (
    object instanceof AttachableSpace &&
    ['checkOpen', 'enter', 'enterAgain', 'withdraw', 'tearDown', 'findPages'].includes(nameOf(key))
  )
}
