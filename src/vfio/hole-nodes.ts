/** Entries of a node. */
const most = 32
/** Numbers of an entry: its first page; its last page, or the child; the widest holes. */
const stride = 4
/** Numbers of a node: it has one entry too many before it is split. */
const row = (most + 1) * stride

/**
 * The nodes of a tree of holes, each a number. A node has entries by address: in a leaf each is a hole, above that a
 * child with what it has in all. How wide a hole is is counted in pages, from its first one or its first huge page.
 *
 * All of them are in one array, as what a large tree's time goes to is memory that is not in the processor's cache: an
 * object of its own for each node takes several such steps to reach.
 */
export class HoleNodes {
  readonly #hugePage: number
  readonly #unused: number[] = []
  #made = 0
  #counts = new Uint8Array(16)
  #entries = new Float64Array(16 * row)

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(hugePage: number) {
    this.#hugePage = hugePage
  }

  /** A node without entries. */
  make(): number {
    const node = this.#unused.pop() ?? this.#made++
    if (node === this.#counts.length) this.#grow()
    this.#counts[node] = 0
    return node
  }

  drop(node: number): void {
    this.#unused.push(node)
  }

  count(node: number): number {
    return this.#counts[node] ?? 0
  }

  first(node: number, index: number): number {
    return this.#entries[node * row + index * stride] ?? Number.NaN
  }

  /** The last page of a hole. */
  last(leaf: number, index: number): number {
    return this.#entries[leaf * row + index * stride + 1] ?? Number.NaN
  }

  child(node: number, index: number): number {
    return this.#entries[node * row + index * stride + 1] ?? Number.NaN
  }

  widest(node: number, index: number): number {
    return this.#entries[node * row + index * stride + 2] ?? Number.NaN
  }

  widestHuge(node: number, index: number): number {
    return this.#entries[node * row + index * stride + 3] ?? Number.NaN
  }

  /** The last entry that begins at this page or below it; -1 where none does. */
  indexOf(node: number, page: number): number {
    const entries = this.#entries
    let [low, high] = [0, this.count(node)]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((entries[node * row + middle * stride] ?? 0) <= page) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  setHole(leaf: number, index: number, first: number, last: number): void {
    const boundary = Math.ceil(first / this.#hugePage) * this.#hugePage
    this.#set(leaf, index, first, last, last + 1 - first, last + 1 - boundary)
  }

  /** There may be one too many then: `split`. */
  insertHole(leaf: number, index: number, first: number, last: number): void {
    this.#makeRoom(leaf, index)
    this.setHole(leaf, index, first, last)
  }

  /** False where the entry was so before. */
  setChild(node: number, index: number, child: number): boolean {
    const entries = this.#entries
    const start = child * row
    const end = start + this.count(child) * stride
    let [widest, widestHuge] = [0, 0]
    // compared, as Math.max sees to NaN and -0 too, and this is where most of the time goes
    for (let at = start; at < end; at += stride) {
      const [one, oneHuge] = [entries[at + 2] ?? 0, entries[at + 3] ?? 0]
      if (one > widest) widest = one
      if (oneHuge > widestHuge) widestHuge = oneHuge
    }
    return this.#set(node, index, entries[start] ?? 0, child, widest, widestHuge)
  }

  insertChild(node: number, index: number, child: number): void {
    this.#makeRoom(node, index)
    this.setChild(node, index, child)
  }

  remove(node: number, index: number): void {
    const count = this.count(node)
    const entries = this.#entries
    const end = node * row + (count - 1) * stride
    // a loop: copyWithin takes longer for so few
    for (let at = node * row + index * stride; at < end; at++) entries[at] = entries[at + stride] ?? 0
    this.#counts[node] = count - 1
  }

  /** The upper half as a node of its own, where there are too many for one. */
  split(node: number): number | null {
    const count = this.count(node)
    if (count <= most) return null
    const upper = this.make()
    const half = count >> 1
    this.#entries.copyWithin(upper * row, node * row + half * stride, node * row + count * stride)
    this.#counts[upper] = count - half
    this.#counts[node] = half
    return upper
  }

  #set(node: number, index: number, first: number, second: number, widest: number, widestHuge: number): boolean {
    const [entries, at] = [this.#entries, node * row + index * stride]
    const isSame =
      entries[at] === first &&
      entries[at + 1] === second &&
      entries[at + 2] === widest &&
      entries[at + 3] === widestHuge
    entries[at] = first
    entries[at + 1] = second
    entries[at + 2] = widest
    entries[at + 3] = widestHuge
    return !isSame
  }

  #makeRoom(node: number, index: number): void {
    const count = this.count(node)
    const entries = this.#entries
    const start = node * row + index * stride
    for (let at = node * row + count * stride - 1; at >= start; at--) entries[at + stride] = entries[at] ?? 0
    this.#counts[node] = count + 1
  }

  #grow(): void {
    const [counts, entries] = [this.#counts, this.#entries]
    this.#counts = new Uint8Array(2 * counts.length)
    this.#counts.set(counts)
    this.#entries = new Float64Array(2 * entries.length)
    this.#entries.set(entries)
  }
}
