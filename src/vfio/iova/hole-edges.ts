/** From `first` to `last`, both inclusive. */
export interface Pages {
  readonly first: number
  readonly last: number
}

/** No page. */
export const nowhere = -1

// The numbers of a node stand here and not in a file of their own: what is imported V8 does not fold into the code, and an
// operation takes a tenth to a fifth longer.
/** Pages of a word: the bits of an integer. */
const word = 32
/** Entries of a node. */
const fanOut = 16
const leafPages = word * fanOut
/** Pages of an entry by level: in a leaf a word, above that a node. They are enough for 2^52. */
const spans = Float64Array.from({ length: 13 }, (_, level) => word * fanOut ** level)
const inverseSpans = spans.map((span) => 1 / span)
/**
 * A node is a row of integers, each column a line of the processor's cache: its entries, each a child or in a leaf a
 * word with a bit for each edge, 0 if it is not used; in a leaf the edges where a hole begins; how wide holes are at
 * most, in pages and from their first huge page on; and a bit for each entry that is used.
 */
const [begins, widths, hugeWidths, mask, row] = [fanOut, 2 * fanOut, 3 * fanOut, 4 * fanOut, 5 * fanOut]
/** Largest width that is stored, in pages. A search looks at the edges of a wider hole. */
const maxWidth = 0x7fff_ffff

/**
 * The edges of holes, which are the free pages of an address space: where each begins, and where it ends, which is the
 * page after its last. A trie of our own, as no library's keeps how wide the holes are: each entry tells how wide those
 * are at most that end there. They may be less: if one shrinks or goes, no other is looked for until a search has
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
  /** The place found last: by level the nodes, and the first page of the leaf. */
  readonly #way = new Int32Array(spans.length)
  #leafBase = Number.NaN
  /** A node's number is where its row begins. */
  #nodes = new Int32Array(16 * row)
  /** The hole that was recorded last, until an edge is turned. */
  #begin = 0
  #end = 0
  #isBegin = false
  #beginOfPlace = 0

  /** `hugePage` is the alignment of huge pages, in pages. */
  constructor(pages: number, hugePage: number) {
    this.#pages = pages
    this.#hugePage = hugePage
    this.#root = this.#make()
  }

  /** Of the edge that `upTo` found last: whether a hole begins there. */
  get isBegin(): boolean {
    return this.#isBegin
  }

  /** The beginning of the hole that `highestPlace` found last. */
  get beginOfPlace(): number {
    return this.#beginOfPlace
  }

  /** Makes an edge; false if there was one, of another hole that touches: then there is none. */
  turn(page: number, kind: 'begin' | 'end'): boolean {
    this.#end = nowhere
    if (page >= this.#pages) return false
    while (page >= this.#capacity) this.#rise()
    for (let level = this.#find(page); level > 0; level--) {
      const child = this.#make()
      this.#enter(this.#way[level] ?? 0, indexOf(page, level), child)
      this.#way[level - 1] = child
    }
    const leaf = this.#way[0] ?? 0
    const index = indexOf(page, 0)
    const at = leaf + index
    const bit = 1 << (page & 31)
    const edges = (this.#nodes[at] ?? 0) ^ bit
    const known = this.#nodes[at + begins] ?? 0
    this.#nodes[at + begins] = kind === 'begin' ? known | bit : known & ~bit
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
      const edges = (this.#nodes[leaf + index] ?? 0) & bitsUpTo(page & 31)
      if (edges !== 0) return this.#edge(this.#leafBase, leaf, index, highestBit(edges))
    }
    for (; level <= this.#height; level++) {
      let node = this.#way[level] ?? 0
      const below = (this.#nodes[node + mask] ?? 0) & ~bitsFrom(indexOf(page, level))
      if (below === 0) continue
      let index = highestBit(below)
      let base = beginOfNode(page, level)
      for (; level > 0; level--) {
        base += index * (spans[level] ?? 0)
        node = this.#nodes[node + index] ?? 0
        index = highestBit(this.#nodes[node + mask] ?? 0)
      }
      return this.#edge(base, node, index, highestBit(this.#nodes[node + index] ?? 0))
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
      const edges = (this.#nodes[leaf + index] ?? 0) & bitsFrom(page & 31)
      if (edges !== 0) return this.#edge(this.#leafBase, leaf, index, lowestBit(edges))
    }
    for (; level <= this.#height; level++) {
      let node = this.#way[level] ?? 0
      const above = (this.#nodes[node + mask] ?? 0) & ~bitsUpTo(indexOf(page, level))
      if (above === 0) continue
      let index = lowestBit(above)
      let base = beginOfNode(page, level)
      for (; level > 0; level--) {
        base += index * (spans[level] ?? 0)
        node = this.#nodes[node + index] ?? 0
        index = lowestBit(this.#nodes[node + mask] ?? 0)
      }
      return this.#edge(base, node, index, lowestBit(this.#nodes[node + index] ?? 0))
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
    const width = Math.min(end - begin, maxWidth)
    const hugeWidth = Math.min(this.#hugeWidth(begin, end), maxWidth)
    this.#find(end)
    for (let level = 0; level <= this.#height; level++) {
      const at = (this.#way[level] ?? 0) + indexOf(end, level)
      const isWider = width > (this.#nodes[at + widths] ?? 0)
      const isHugeWider = hugeWidth > (this.#nodes[at + hugeWidths] ?? 0)
      if (!isWider && !isHugeWider) return
      if (isWider) this.#nodes[at + widths] = width
      if (isHugeWider) this.#nodes[at + hugeWidths] = hugeWidth
    }
  }

  /** The first page of the highest place for so many. */
  highestPlace(pages: number, window: Pages, alignment: 'page' | 'huge'): number {
    const unit = alignment === 'huge' ? this.#hugePage : 1
    const place = this.#topmostPlace(pages, window, unit)
    return place === nowhere ? this.#search(this.#root, this.#height, 0, pages, window, unit) : place
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
  #search(node: number, level: number, base: number, pages: number, window: Pages, unit: number): number {
    const { first, last } = window
    const span = spans[level] ?? 0
    const lowest = first <= base ? 0 : indexOf(first, level)
    const column = unit === 1 ? widths : hugeWidths
    let index = last >= base + span * fanOut ? fanOut - 1 : indexOf(last, level)
    for (; ; index--) {
      index = lastWide(this.#nodes, node + column, index, Math.min(pages, maxWidth))
      if (index < lowest) return nowhere
      const at = node + index
      const entry = this.#nodes[at] ?? 0
      const start = base + index * span
      const place =
        level === 0
          ? this.#searchWord(at, start, pages, window, unit)
          : this.#search(entry, level - 1, start, pages, window, unit)
      if (place !== nowhere) return place
      if (level > 0) this.#nodes[at + column] = widestOf(this.#nodes, entry + column)
    }
  }

  #searchWord(at: number, base: number, pages: number, { first, last }: Pages, unit: number): number {
    const edges = this.#nodes[at] ?? 0
    let widest = 0
    for (let ends = edges & ~(this.#nodes[at + begins] ?? 0); ends !== 0; ) {
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
    this.#nodes[at + (unit === 1 ? widths : hugeWidths)] = Math.min(widest, maxWidth)
    return nowhere
  }

  #hugeWidth(begin: number, end: number): number {
    return end - Math.ceil(begin / this.#hugePage) * this.#hugePage
  }

  #edge(base: number, leaf: number, index: number, bit: number): number {
    this.#isBegin = ((this.#nodes[leaf + index + begins] ?? 0) & (1 << bit)) !== 0
    return base + index * word + bit
  }

  /** The nodes above this page, as far down as there are any: the level of the lowest. */
  #find(page: number): number {
    if (page >= this.#leafBase && page < this.#leafBase + leafPages) return 0
    this.#leafBase = Number.NaN
    let node = this.#root
    for (let level = this.#height; level > 0; level--) {
      this.#way[level] = node
      const index = indexOf(page, level)
      if (((this.#nodes[node + mask] ?? 0) & (1 << index)) === 0) return level
      node = this.#nodes[node + index] ?? 0
    }
    this.#way[0] = node
    this.#leafBase = beginOfNode(page, 0)
    return 0
  }

  #enter(node: number, index: number, entry: number): void {
    this.#nodes[node + mask] = (this.#nodes[node + mask] ?? 0) | (1 << index)
    this.#nodes[node + index] = entry
  }

  /** Takes out the word of this page, and the nodes above it that have no other. */
  #leave(page: number): void {
    for (let level = 0; level <= this.#height; level++) {
      const node = this.#way[level] ?? 0
      const index = indexOf(page, level)
      const at = node + index
      this.#nodes[at] = 0
      this.#nodes[at + widths] = 0
      this.#nodes[at + hugeWidths] = 0
      const used = (this.#nodes[node + mask] ?? 0) ^ (1 << index)
      this.#nodes[node + mask] = used
      if (used !== 0 || level === this.#height) return
      this.#unused.push(node)
      this.#leafBase = Number.NaN
    }
  }

  /** A root above the root. */
  #rise(): void {
    const above = this.#make()
    this.#enter(above, 0, this.#root)
    this.#nodes[above + widths] = widestOf(this.#nodes, this.#root + widths)
    this.#nodes[above + hugeWidths] = widestOf(this.#nodes, this.#root + hugeWidths)
    this.#root = above
    this.#height++
    this.#capacity *= fanOut
    this.#leafBase = Number.NaN
  }

  /** A node without entries. */
  #make(): number {
    const node = this.#unused.pop() ?? this.#made++ * row
    if (node === this.#nodes.length) {
      const nodes = new Int32Array(2 * this.#nodes.length)
      nodes.set(this.#nodes)
      this.#nodes = nodes
    }
    return node
  }
}

/** Index of the entry that a page lies in, in a node of that level. */
function indexOf(page: number, level: number): number {
  // `&` takes the lowest bits of the whole part, beyond 32 bits too
  return (page * (inverseSpans[level] ?? 0)) & (fanOut - 1)
}

function beginOfNode(page: number, level: number): number {
  return Math.floor(page * (inverseSpans[level + 1] ?? 0)) * (spans[level + 1] ?? 0)
}

/** The highest place in a hole from `least` on. */
function placeIn(begin: number, end: number, pages: number, least: number, unit: number): number {
  const place = Math.floor((end - pages) / unit) * unit
  return place >= begin && place >= least ? place : nowhere
}

/** The last entry of a node up to `top` that may have a place of so many pages; -1 if none does. */
function lastWide(nodes: Int32Array, column: number, top: number, pages: number): number {
  let index = top
  while (index >= 0 && (nodes[column + index] ?? 0) < pages) index--
  return index
}

function widestOf(nodes: Int32Array, column: number): number {
  let widest = 0
  for (let at = column; at < column + fanOut; at++) {
    const width = nodes[at] ?? 0
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
