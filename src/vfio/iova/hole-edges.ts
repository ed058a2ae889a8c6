/** From `first` to `last`, both inclusive. */
export interface Pages {
  readonly first: number
  readonly last: number
}

/** No page. */
export const nowhere = -1

/** Pages of a word: the bits of an integer. */
const word = 32
/** Entries of a node. */
const fanOut = 16
const leafPages = word * fanOut
/** Pages of an entry by level: in a leaf a word, above that a node. They are enough for 2^52. */
const spans = Float64Array.from({ length: 12 }, (_, level) => word * fanOut ** level)
const inverseSpans = spans.map((span) => 1 / span)

/**
 * The edges of holes, which are the free pages of an address space: where each begins, and where it ends, which is the
 * page after its last. A trie of our own, as no library's keeps how wide the holes are: each entry tells how wide those
 * are at most that end there. They may be less: where one shrinks or goes, no other is looked for until a search has
 * found too little there.
 *
 * What an operation costs follows from how far up the addresses reach, not from how many holes there are. And a hole
 * takes bits: what a large tree's time goes to is memory that is not in the processor's cache.
 */
export class HoleEdges {
  readonly #pages: number
  readonly #hugePage: number
  readonly #unused: number[] = []
  #made = 0
  #root: number
  /** Of the root, above the leaves. */
  #height = 0
  /** Pages of the root. */
  #capacity = leafPages
  /** What was found last: by level the nodes, and the first page of the leaf. */
  readonly #way = new Int32Array(spans.length)
  #leafBase = Number.NaN
  /** By node: its first page, and a bit for each entry that is used. */
  #bases = new Float64Array(16)
  #masks = new Int32Array(16)
  /** By entry, as are those below: a child, or in a leaf a word with a bit for each edge. 0 where it is not used. */
  #entries = new Int32Array(16 * fanOut)
  /** In a leaf the edges where a hole begins. */
  #begins = new Int32Array(16 * fanOut)
  /** How wide holes are at most, in pages, and from their first huge page on. 0 where the entry is not used. */
  #widths = new Float64Array(16 * fanOut)
  #hugeWidths = new Float64Array(16 * fanOut)
  /** The hole that was recorded last, until an edge is turned. */
  #begin = 0
  #end = 0
  #isBegin = false
  #beginOfPlace = 0

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(pages: number, hugePage: number) {
    this.#pages = pages
    this.#hugePage = hugePage
    this.#root = this.#make(0)
  }

  /** Of the edge that `upTo` found last: whether a hole begins there. */
  get isBegin(): boolean {
    return this.#isBegin
  }

  /** Where the hole begins that `highestPlace` found last. */
  get beginOfPlace(): number {
    return this.#beginOfPlace
  }

  /** Makes an edge; false where there was one, of another hole that touches: then there is none. */
  turn(page: number, kind: 'begin' | 'end'): boolean {
    this.#end = nowhere
    if (page >= this.#pages) return false
    while (page >= this.#capacity) this.#rise()
    for (let level = this.#find(page); level > 0; level--) {
      const child = this.#make(Math.floor(page * (inverseSpans[level] ?? 0)) * (spans[level] ?? 0))
      this.#enter(this.#way[level] ?? 0, indexOf(page, level), child)
      this.#way[level - 1] = child
    }
    const leaf = this.#way[0] ?? 0
    const index = indexOf(page, 0)
    const at = leaf * fanOut + index
    const bit = 1 << (page & 31)
    const edges = (this.#entries[at] ?? 0) ^ bit
    const begins = this.#begins[at] ?? 0
    this.#begins[at] = kind === 'begin' ? begins | bit : begins & ~bit
    this.#enter(leaf, index, edges)
    if (edges === 0) this.#leave(page)
    return (edges & bit) !== 0
  }

  /** The highest edge at this page or below it. */
  upTo(wanted: number): number {
    const page = wanted < this.#capacity ? wanted : this.#capacity - 1
    let level = this.#find(page)
    if (level === 0) {
      const leaf = this.#way[0] ?? 0
      const index = indexOf(page, 0)
      const edges = (this.#entries[leaf * fanOut + index] ?? 0) & bitsUpTo(page & 31)
      if (edges !== 0) return this.#edge(leaf, index, highestBit(edges))
    }
    for (; level <= this.#height; level++) {
      let node = this.#way[level] ?? 0
      const below = (this.#masks[node] ?? 0) & ~bitsFrom(indexOf(page, level))
      if (below === 0) continue
      let index = highestBit(below)
      for (; level > 0; level--) {
        node = this.#entries[node * fanOut + index] ?? 0
        index = highestBit(this.#masks[node] ?? 0)
      }
      return this.#edge(node, index, highestBit(this.#entries[node * fanOut + index] ?? 0))
    }
    this.#isBegin = false
    return nowhere
  }

  /** The lowest edge at this page or above it, or the end of all. */
  from(page: number): number {
    if (page >= this.#capacity) return this.#pages
    let level = this.#find(page)
    if (level === 0) {
      const leaf = this.#way[0] ?? 0
      const index = indexOf(page, 0)
      const edges = (this.#entries[leaf * fanOut + index] ?? 0) & bitsFrom(page & 31)
      if (edges !== 0) return this.#edge(leaf, index, lowestBit(edges))
    }
    for (; level <= this.#height; level++) {
      let node = this.#way[level] ?? 0
      const above = (this.#masks[node] ?? 0) & ~bitsUpTo(indexOf(page, level))
      if (above === 0) continue
      let index = lowestBit(above)
      for (; level > 0; level--) {
        node = this.#entries[node * fanOut + index] ?? 0
        index = lowestBit(this.#masks[node] ?? 0)
      }
      return this.#edge(node, index, lowestBit(this.#entries[node * fanOut + index] ?? 0))
    }
    return this.#pages
  }

  /** Of the hole that ends here. */
  beginOf(end: number): number {
    return end === this.#end ? this.#begin : this.upTo(end - 1)
  }

  /** To be told of each hole that is new or has grown, with its edges made. */
  recordHole(begin: number, end: number): void {
    this.#begin = begin
    this.#end = end
    if (end >= this.#pages) return
    const width = end - begin
    const hugeWidth = this.#hugeWidth(begin, end)
    this.#find(end)
    for (let level = 0; level <= this.#height; level++) {
      const at = (this.#way[level] ?? 0) * fanOut + indexOf(end, level)
      const isWider = width > (this.#widths[at] ?? 0)
      const isHugeWider = hugeWidth > (this.#hugeWidths[at] ?? 0)
      if (!isWider && !isHugeWider) return
      if (isWider) this.#widths[at] = width
      if (isHugeWider) this.#hugeWidths[at] = hugeWidth
    }
  }

  /** The first page of the highest place for so many. */
  highestPlace(pages: number, window: Pages, alignment: 'page' | 'huge'): number {
    const unit = alignment === 'huge' ? this.#hugePage : 1
    const place = this.#topmostPlace(pages, window, unit)
    return place === nowhere ? this.#search(this.#root, this.#height, pages, window, unit) : place
  }

  /** In the window's topmost hole: mostly it suffices. It may go on beyond the window, and ends elsewhere then. */
  #topmostPlace(pages: number, { first, last }: Pages, unit: number): number {
    let end = last + 1
    let begin = this.upTo(last)
    if (!this.#isBegin) {
      end = begin
      if (end <= first) return nowhere
      begin = this.beginOf(end)
    }
    this.#beginOfPlace = begin
    return placeIn(begin, end, pages, first, unit)
  }

  /** In the holes that end in the window. */
  #search(node: number, level: number, pages: number, window: Pages, unit: number): number {
    const { first, last } = window
    const base = this.#bases[node] ?? 0
    const span = spans[level] ?? 0
    const lowest = first <= base ? 0 : indexOf(first, level)
    const widths = unit === 1 ? this.#widths : this.#hugeWidths
    let index = last >= base + span * fanOut ? fanOut - 1 : indexOf(last, level)
    for (; ; index--) {
      index = lastWide(widths, node * fanOut, index, pages)
      if (index < lowest) return nowhere
      const at = node * fanOut + index
      const entry = this.#entries[at] ?? 0
      const start = base + index * span
      const place =
        level === 0
          ? this.#searchWord(at, start, pages, window, unit)
          : this.#search(entry, level - 1, pages, window, unit)
      if (place !== nowhere) return place
      if (level > 0) widths[at] = widestOf(widths, entry * fanOut)
    }
  }

  #searchWord(at: number, base: number, pages: number, { first, last }: Pages, unit: number): number {
    const edges = this.#entries[at] ?? 0
    let widest = 0
    for (let ends = edges & ~(this.#begins[at] ?? 0); ends !== 0; ) {
      const bit = highestBit(ends)
      ends ^= 1 << bit
      const end = base + bit
      const below = edges & ~bitsFrom(bit)
      const begin = below === 0 ? this.beginOf(end) : base + highestBit(below)
      const place = end > last ? nowhere : placeIn(begin, end, pages, first, unit)
      this.#beginOfPlace = begin
      if (place !== nowhere) return place
      const width = unit === 1 ? end - begin : this.#hugeWidth(begin, end)
      if (width > widest) widest = width
    }
    if (unit === 1) this.#widths[at] = widest
    else this.#hugeWidths[at] = widest
    return nowhere
  }

  #hugeWidth(begin: number, end: number): number {
    return end - Math.ceil(begin / this.#hugePage) * this.#hugePage
  }

  #edge(leaf: number, index: number, bit: number): number {
    this.#isBegin = ((this.#begins[leaf * fanOut + index] ?? 0) & (1 << bit)) !== 0
    return (this.#bases[leaf] ?? 0) + index * word + bit
  }

  /** The nodes above this page, as far down as there are any: the level of the lowest. */
  #find(page: number): number {
    if (page >= this.#leafBase && page < this.#leafBase + leafPages) return 0
    this.#leafBase = Number.NaN
    let node = this.#root
    for (let level = this.#height; level > 0; level--) {
      this.#way[level] = node
      const index = indexOf(page, level)
      if (((this.#masks[node] ?? 0) & (1 << index)) === 0) return level
      node = this.#entries[node * fanOut + index] ?? 0
    }
    this.#way[0] = node
    this.#leafBase = this.#bases[node] ?? 0
    return 0
  }

  #enter(node: number, index: number, entry: number): void {
    this.#masks[node] = (this.#masks[node] ?? 0) | (1 << index)
    this.#entries[node * fanOut + index] = entry
  }

  /** Takes out the word of this page, and the nodes above it that have no other. */
  #leave(page: number): void {
    for (let level = 0; level <= this.#height; level++) {
      const node = this.#way[level] ?? 0
      const index = indexOf(page, level)
      const at = node * fanOut + index
      this.#entries[at] = 0
      this.#widths[at] = 0
      this.#hugeWidths[at] = 0
      const mask = (this.#masks[node] ?? 0) ^ (1 << index)
      this.#masks[node] = mask
      if (mask !== 0 || level === this.#height) return
      this.#unused.push(node)
      this.#leafBase = Number.NaN
    }
  }

  /** A root above the root. */
  #rise(): void {
    const above = this.#make(0)
    this.#enter(above, 0, this.#root)
    this.#widths[above * fanOut] = widestOf(this.#widths, this.#root * fanOut)
    this.#hugeWidths[above * fanOut] = widestOf(this.#hugeWidths, this.#root * fanOut)
    this.#root = above
    this.#height++
    this.#capacity *= fanOut
    this.#leafBase = Number.NaN
  }

  /** A node without entries. */
  #make(base: number): number {
    const node = this.#unused.pop() ?? this.#made++
    if (node === this.#masks.length) {
      this.#bases = copied(this.#bases, new Float64Array(2 * this.#bases.length))
      this.#masks = copied(this.#masks, new Int32Array(2 * this.#masks.length))
      this.#entries = copied(this.#entries, new Int32Array(2 * this.#entries.length))
      this.#begins = copied(this.#begins, new Int32Array(2 * this.#begins.length))
      this.#widths = copied(this.#widths, new Float64Array(2 * this.#widths.length))
      this.#hugeWidths = copied(this.#hugeWidths, new Float64Array(2 * this.#hugeWidths.length))
    }
    this.#bases[node] = base
    return node
  }
}

function copied<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** Which entry a page lies in. */
function indexOf(page: number, level: number): number {
  // `&` takes the lowest bits of the whole part, beyond 32 bits too
  return (page * (inverseSpans[level] ?? 0)) & (fanOut - 1)
}

/** The highest place in a hole from `least` on. */
function placeIn(begin: number, end: number, pages: number, least: number, unit: number): number {
  const place = Math.floor((end - pages) / unit) * unit
  return place >= begin && place >= least ? place : nowhere
}

/** The last entry of a node up to `top` that may have a place of so many pages; -1 where none does. */
function lastWide(widths: Float64Array, node: number, top: number, pages: number): number {
  let index = top
  while (index >= 0 && (widths[node + index] ?? 0) < pages) index--
  return index
}

function widestOf(widths: Float64Array, node: number): number {
  let widest = 0
  for (let at = node; at < node + fanOut; at++) {
    const width = widths[at] ?? 0
    // compared, as Math.max sees to NaN and -0 too
    if (width > widest) widest = width
  }
  return widest
}

function bitsUpTo(bit: number): number {
  return (2 << bit) - 1
}

function bitsFrom(bit: number): number {
  return -1 << bit
}

function highestBit(bits: number): number {
  return 31 - Math.clz32(bits)
}

function lowestBit(bits: number): number {
  return highestBit(bits & -bits)
}
