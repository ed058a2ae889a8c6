import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { printable } from '../../base/units.ts'
import type { Place } from '../wanted/invalid-spec.ts'
import type { Path } from './yaml-fault.ts'
import { placeAt, YamlFault } from './yaml-fault.ts'

/** Values that a file may come to, with each alias counted as all that it stands for. */
const maxValues = 500_000

interface Known {
  readonly node: Node
  readonly value: unknown
  readonly size: number
}

/**
 * Plain values of yaml's nodes. An alias is the value that its anchor names, shared and not copied; `<<` merges maps,
 * and a map's own keys stand. yaml's own conversion looks for each alias from the file's beginning, and compares each
 * key of a map with all others.
 */
export class YamlValues {
  readonly #lines: LineCounter
  readonly #anchors = new Map<string, Known | null>()
  readonly #targets = new Map<Alias, Node>()
  #size = 0

  constructor(lines: LineCounter) {
    this.#lines = lines
  }

  of(node: Node | null): unknown {
    if (node === null) return null
    if (isAlias(node)) return this.#ofAlias(node)
    const anchor = 'anchor' in node && typeof node.anchor === 'string' ? node.anchor : null
    // until it is read, what stands in it may not name it
    if (anchor !== null) this.#anchors.set(anchor, null)
    const before = this.#size
    this.#count(node, 1)
    const value = this.#ofContent(node)
    if (anchor !== null) this.#anchors.set(anchor, { node, value, size: this.#size - before })
    return value
  }

  placeOf(node: Node | null, path: Path): Place {
    const [next, ...rest] = path
    const target = isAlias(node) ? this.#targets.get(node) : node
    if (next === undefined || target == null) return this.#place(node)
    const child = isMap(target) ? this.#pairNodes(target, next) : isSeq(target) ? itemOf(target, next) : undefined
    if (child === undefined) return this.#place(node)
    return rest.length === 0 ? this.#place(child.key) : this.placeOf(child.value, rest)
  }

  #ofContent(node: Node): unknown {
    if (isSeq(node)) return node.items.map((item) => this.of(asNode(item)))
    if (isMap(node)) return this.#ofMap(node)
    return isScalar(node) ? node.value : null
  }

  #ofMap(node: YAMLMap): Record<string, unknown> {
    const own = new Map<string, unknown>()
    const merged = new Map<string, unknown>()
    for (const { key, value } of node.items) {
      const keyNode = asNode(key)
      const said = this.of(keyNode)
      if (said !== null && typeof said === 'object') throw this.#fault(keyNode, 'a key has to be text or a number')
      const name = String(said)
      if (own.has(name)) throw this.#fault(keyNode, `the key '${printable(name)}' is listed twice`)
      const content = this.of(asNode(value))
      if (isMerge(keyNode)) this.#merge(merged, content, keyNode)
      else own.set(name, content)
    }
    // null prototype: a key may be `__proto__`
    const all: Record<string, unknown> = Object.create(null)
    for (const [name, value] of [...merged, ...own]) all[name] = value
    return { ...all }
  }

  /** Of several, the first that has a key gives it. */
  #merge(into: Map<string, unknown>, content: unknown, at: Node | null): void {
    for (const map of Array.isArray(content) ? content : [content]) {
      if (typeof map !== 'object' || map === null || Array.isArray(map)) throw this.#fault(at, '<< merges maps alone')
      for (const [name, value] of Object.entries(map)) {
        this.#count(at, 1)
        if (!into.has(name)) into.set(name, value)
      }
    }
  }

  #ofAlias(node: Alias): unknown {
    const known = this.#anchors.get(node.source)
    if (known === undefined) throw this.#fault(node, `no anchor '&${printable(node.source)}' stands before this`)
    if (known === null) throw this.#fault(node, `'*${printable(node.source)}' stands within what it names`)
    this.#targets.set(node, known.node)
    this.#count(node, known.size)
    return known.value
  }

  #count(node: Node | null, values: number): void {
    this.#size += values
    if (this.#size > maxValues) throw this.#fault(node, `from here on it stands for more than ${maxValues} values`)
  }

  #pairNodes(map: YAMLMap, name: string | number): { key: Node | null; value: Node | null } | undefined {
    const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === String(name))
    if (pair !== undefined) return { key: asNode(pair.key), value: asNode(pair.value) }
    for (const { key, value } of map.items) {
      if (!isMerge(asNode(key))) continue
      const merged = isAlias(value) ? this.#targets.get(value) : value
      const found = isMap(merged) ? this.#pairNodes(merged, name) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  #fault(node: Node | null, what: string): YamlFault {
    return new YamlFault(what, this.#place(node))
  }

  #place(node: Node | null): Place {
    return placeAt(this.#lines, node?.range?.[0] ?? 0)
  }
}

function itemOf(seq: YAMLSeq, index: string | number): { key: Node | null; value: Node | null } | undefined {
  const item = asNode(seq.items[Number(index)])
  return item === null ? undefined : { key: item, value: item }
}

function isMerge(key: Node | null): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN'
}

function asNode(item: unknown): Node | null {
  return isScalar(item) || isMap(item) || isSeq(item) || isAlias(item) ? item : null
}
