/** A node of a tree, with the lines from those above it, then its name. */
export interface Branch<T> {
  readonly place: string
  readonly node: T
}

/** A node that can stand in a tree. */
interface Node<T> {
  readonly name: string
  readonly children: readonly T[]
}

/** The nodes below one, each before its children. */
export function branches<T extends Node<T>>(nodes: readonly T[], lines = ''): Branch<T>[] {
  return nodes.flatMap((node, index) => {
    const isLast = index === nodes.length - 1
    const place = `${lines}${isLast ? '└─' : '├─'} ${node.name}`
    return [{ place, node }, ...branches(node.children, `${lines}${isLast ? '   ' : '│  '}`)]
  })
}
