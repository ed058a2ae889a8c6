/** What would suffer if a PCI device's driver were taken from it. */
export interface PciUse {
  /** In a few words: 'network interface eth0 is up'. */
  readonly what: string
  /** The command that ends it; null where there is none to name. */
  readonly end: string | null
}

/** The commands that end them, for a hint: three at most. */
export function endsOf(uses: readonly PciUse[]): string {
  const ends = [...new Set(uses.flatMap(({ end }) => end ?? []))]
  return ends.length > 3 ? `${ends.slice(0, 3).join('; ')}; …` : ends.join('; ')
}

/** '1 other place', '2 other places'. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
