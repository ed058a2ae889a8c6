/**
 * The same object with some properties others, for a kernel that answers otherwise at one place. A proxy, as what
 * inherits from a kernel lacks its private state.
 */
export function stub<T extends object>(object: T, others: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      if (Object.hasOwn(others, key)) return Reflect.get(others, key)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
