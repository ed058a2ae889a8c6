/** Some of the lines of a text, or others in their place. */
type Shorten = (lines: readonly string[]) => readonly string[]

const builtInModules = /^(?:\/usr)?\/lib\/modules\/[^/]+\/modules\.builtin\.modinfo$/

/** The lines of files that are long, or tell of more than VFIO, as far as a reader here looks for them. */
const shortened: readonly (readonly [path: RegExp, shorten: Shorten])[] = [
  [/^(?:\/usr)?\/lib\/modules\/[^/]+\/modules\.alias$/, (lines) => lines.filter((it) => /^alias vfio_pci:/.test(it))],
  [builtInModules, (lines) => lines.filter((it) => /^[\w-]+\.alias=pci:/.test(it))],
  [/^\/var\/log\/audit\/audit\.log$/, (lines) => lines.filter((it) => /vfio|iommu/.test(it))],
  // findings say the number of a line
  [/^\/etc\/pve\/qemu-server\//, (lines) => lines.map((it) => (/^hostpci\d+:/.test(it) ? it : ''))],
  // names and numbers, and nobody's full name
  [/^\/etc\/(?:passwd|group)$/, (lines) => lines.map((it) => it.split(':').slice(0, 4).join(':'))],
]

/** The text of a file as it is recorded: all of it, or what readers here look for. */
export function recordedText(path: string, text: string): string {
  const shorten = shortened.find(([file]) => file.test(path))?.[1]
  const end = builtInModules.test(path) ? '\0' : '\n'
  return shorten === undefined ? text : shorten(text.split(end)).join(end)
}
