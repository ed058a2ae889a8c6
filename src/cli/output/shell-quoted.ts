/** A word as a shell reads it back: as it is if it needs no quotes, else in single ones. */
export function shellQuoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
