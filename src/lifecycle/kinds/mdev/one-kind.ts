import type { TypeDetails } from '../../device/device-type.ts'
import type { CardLoad } from '../../wanted/card-load.ts'

/** The types that a card carries, by what stays, leaves and comes. */
export interface KindOfCard extends Pick<CardLoad, 'stays' | 'leaves' | 'comes'> {
  /** All that the card tells of, and whether it could be made now. */
  readonly types: readonly {
    readonly type: string
    readonly details: TypeDetails
    readonly isOffered: boolean
  }[]
  /** True if it is known to take one type, or types of one framebuffer, without a look at what it offers now. */
  readonly isOneTypeOnly?: boolean
  readonly isOneSizeOnly?: boolean
}

/**
 * Cards take vGPUs of one type, of one size or of any, by their model, mode and driver's age. What a card that carries
 * one type offers beside it shows which: null if that does not show, or is kept to.
 */
export function oneKindFault(card: KindOfCard): string | null {
  const after = new Set([...card.stays, ...card.comes].map(({ type }) => type))
  const sizes = new Map(card.types.map(({ type, details }) => [type, details.framebufferMiB]))
  const sizesAfter = new Set([...after].map((type) => sizes.get(type) ?? null))
  const { oneType, oneSize } = ruleOf(card, sizes)
  const list = [...after].join(' and ')
  if (oneType && after.size > 1) return `it takes one type at a time, not ${list}`
  if (oneSize && sizesAfter.size > 1 && !sizesAfter.has(null)) {
    return `it takes vGPUs of one framebuffer size at a time, not ${list}`
  }
  return null
}

function ruleOf(
  { stays, leaves, types, isOneTypeOnly = false, isOneSizeOnly = false }: KindOfCard,
  sizes: ReadonlyMap<string, number | null>,
): { oneType: boolean; oneSize: boolean } {
  const [carried, ...others] = new Set([...stays, ...leaves].map(({ type }) => type))
  const size = sizes.get(carried ?? '') ?? null
  const offered = types.filter(({ isOffered }) => isOffered)
  const known = { oneType: isOneTypeOnly, oneSize: isOneSizeOnly }
  // with no room for one more of its type, the others may lack it as well
  const isTelling = others.length === 0 && size !== null && offered.some(({ type }) => type === carried)
  if (!isTelling) return known
  const refused = types.filter(({ details, isOffered }) => {
    return !isOffered && details.framebufferMiB !== null && details.framebufferMiB <= size
  })
  const isOfSize = ({ details }: KindOfCard['types'][number]) => details.framebufferMiB === size
  return {
    oneType: known.oneType || (refused.some(isOfSize) && offered.every(({ type }) => type === carried)),
    oneSize: known.oneSize || (refused.length > 0 && offered.every(isOfSize)),
  }
}
