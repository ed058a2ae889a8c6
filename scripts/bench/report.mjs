// Tables of what was measured, and the targets.

/**
 * @typedef {import('./side-by-side.mjs').Case} Case
 * @typedef {{ name: string, few: number, many: number }} Growth
 */

/**
 * @param {string} title
 * @param {Case[]} cases
 */
export function showSideBySide(title, cases) {
  console.log(`\n${title}\n(nanoseconds for each, the fastest of many rounds; in brackets, times C)`)
  const rows = cases.map(({ name, times }) => {
    const { C, vfioctl, 'C, threads': threads, ...others } = times
    const cells = { C, 'C, threads': threads, vfioctl, ...others }
    const told = Object.entries(cells).filter(([, time]) => time !== undefined)
    return [
      name,
      ...told.map(([way, time]) => `${way} ${show(time)}${way === 'C' ? '' : ` (${(time / C).toFixed(2)})`}`),
    ]
  })
  showTable(rows)
}

/** @param {Growth[]} growth */
export function showGrowth(growth) {
  console.log(
    '\nThe IOVA allocator alone, a range taken and freed: nanoseconds beside 1,000 live ranges and beside 65,000',
  )
  showTable(growth.map(({ name, few, many }) => [name, show(few), show(many), `${(many / few).toFixed(2)} x`]))
}

/**
 * @param {{ cases: Case[], allocator: Growth[] }} bare
 * @param {{ cases: Case[] } | null} guest
 */
export function showTargets(bare, guest) {
  const ratios = (cases, part, to = 'C') =>
    cases
      .filter(({ name, times }) => name.includes(part) && times[to] !== undefined)
      .map(({ name, times }) => ({ name, value: times['vfioctl'] / times[to] }))
  const rows = [
    ...ratios(bare.cases, 'trapped read, 4').map((it) => ['trapped access at most 1.25 x C', 1.25, it]),
    ...ratios(bare.cases, 'trapped write, 4').map((it) => ['trapped access at most 1.25 x C', 1.25, it]),
    ...ratios(bare.cases, 'trapped read, 4', 'C, threads').map((it) => ['… x C with threads', 1.25, it]),
    ...ratios(bare.cases, 'trapped write, 4', 'C, threads').map((it) => ['… x C with threads', 1.25, it]),
    ...ratios(bare.cases, 'waitSync').map((it) => ["waitSync at most 1.5 x C's poll and read", 1.5, it]),
    ...bare.allocator.map(({ name, few, many }) => ['allocator at most 1.5 x', 1.5, { name, value: many / few }]),
    ...ratios(guest?.cases ?? [], 'trapped read, 4').map((it) => ['trapped access, emulated', 1.25, it]),
    ...ratios(guest?.cases ?? [], 'trapped write, 4').map((it) => ['trapped access, emulated', 1.25, it]),
    ...ratios(guest?.cases ?? [], 'waitSync').map((it) => ['waitSync, emulated', 1.5, it]),
  ]
  console.log('\nTargets')
  showTable(
    rows.map(([target, most, { name, value }]) => [
      target,
      name,
      `${value.toFixed(2)} x`,
      value <= most ? 'reached' : 'not reached',
    ]),
  )
  showRate(bare.cases)
}

/** @param {Case[]} cases */
function showRate(cases) {
  const trapped = cases.filter(({ name }) => name.includes('trapped') && name.includes('4 bytes'))
  for (const { name, times } of trapped) {
    const rate = Math.round(1e9 / times['vfioctl'])
    const added = Math.round(times['vfioctl'] - times['C'])
    console.log(
      `  100,000 accesses a second: ${name}: ${rate.toLocaleString('en')}; the library adds ${added} ns to C's`,
    )
  }
}

function show(nanoseconds) {
  return nanoseconds >= 100 ? Math.round(nanoseconds).toLocaleString('en') : nanoseconds.toFixed(1)
}

/** @param {string[][]} rows */
function showTable(rows) {
  const widths = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  for (const row of rows)
    console.log(
      `  ${row
        .map((cell, at) => cell.padEnd(widths[at]))
        .join('  ')
        .trimEnd()}`,
    )
}
