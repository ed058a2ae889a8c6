// The machines that the contract tests run on, and how much of each of VFIO's modes ran there.

/** @typedef {'pass' | 'fail' | 'skip'} Result */

/**
 * A machine under test, by the name of its report.
 * @typedef {object} Machine
 * @property {string} version
 * @property {string} processor
 * @property {string} kernel
 * @property {string} iommu
 * @property {string} pages
 * @property {string[]} mocks that are such a machine; the first that ran a test is compared
 * @property {boolean} isWhole `npm test` runs all that its mock runs; else a part has a report, or none
 * @property {string} run the command that makes its report
 */

/** The arguments of `npm run test:vm` that make a report. @param {string} rest */
const vm = (rest) => `npm run test:vm -- ${rest}`

/** @param {string} version @param {string} kernel @param {string} iommu @param {Partial<Machine>} [more] @returns {Machine} */
const pc = (version, kernel, iommu, more) => ({
  ...{ version, processor: 'x64', kernel, iommu, pages: '4 KiB', mocks: [version], isWhole: true, run: 'npm test' },
  ...more,
})

/** @param {string} version @param {string} kernel @param {string} iommu @param {string} pages @param {string[]} mocks @returns {Machine} */
const arm = (version, kernel, iommu, pages, mocks) => ({
  ...{ version, processor: 'arm64', kernel, iommu, pages, mocks },
  isWhole: false,
  run: vm('--arch arm64'),
})

const part = (/** @type {string} */ iommu) => ({ mocks: ['7'], isWhole: false, run: vm(`--iommu ${iommu}`) })

/** @type {Machine[]} */
export const machines = [
  pc('6.1', 'Debian 6.1', 'Intel'),
  pc('6.12', 'Debian 6.12', 'Intel'),
  pc('7', 'own 7', 'Intel'),
  pc('7-noiommu', 'own 7', 'none'),
  pc('7-amd', 'own 7', 'AMD', part('amd')),
  pc('7-virtio', 'own 7', 'virtio', part('virtio')),
  arm('arm64-6.12', 'Debian 6.12', 'SMMUv3', '4 KiB', ['6.12']),
  arm('arm64-6.12-16k', 'Debian 6.12', 'SMMUv3', '16 KiB', ['6.12-16k']),
  arm('arm64-7', 'own 7', 'SMMUv3', '64 KiB', ['7-64k', '7']),
  arm('arm64-7-noiommu', 'own 7', 'none', '64 KiB', ['7-noiommu']),
  {
    ...{ version: 's390x-6.12', processor: 's390x', kernel: 'Debian 6.12', iommu: 'none', pages: '4 KiB' },
    ...{ mocks: ['7-mainframe-big-endian', '6.1-big-endian'], isWhole: false, run: vm('--arch s390x') },
  },
]

const modes = ['type1', 'type1v2', 'compat-type1', 'compat-type1v2', 'iommufd', 'noiommu']
const inMode = new RegExp(`\\bmode (${modes.join('|')})(?![\\w-])`)

/**
 * One mode's word: how many of its tests passed, of those that ran; `lacks` where each was skipped, as the kernel has no
 * such mode; `not asked` where the run had no test of it.
 * @param {string} mode @param {Map<string, Result>} results
 */
function cell(mode, results) {
  const ofMode = [...results].filter(([name]) => inMode.exec(name)?.[1] === mode).map(([, result]) => result)
  const ran = ofMode.filter((result) => result !== 'skip')
  if (ofMode.length === 0) return 'not asked'
  return ran.length === 0 ? 'lacks' : `${ran.filter((result) => result === 'pass').length}/${ran.length}`
}

/**
 * The lines of a table of all machines by VFIO's modes.
 * @param {(version: string) => Map<string, Result> | null} resultsOf a machine's report; null for none
 */
export function machineTable(resultsOf) {
  const rows = machines.map(({ version, processor, kernel, iommu, pages, run }) => {
    const results = resultsOf(version)
    const cells = results === null ? [`not run: ${run}`] : modes.map((mode) => cell(mode, results))
    return [processor, kernel, iommu, pages, ...cells]
  })
  const heading = ['', 'kernel', 'IOMMU', 'pages', ...modes]
  const widths = heading.map((word, at) => {
    const words = rows.filter((row) => row.length === heading.length || at < 4).map((row) => row[at] ?? '')
    return Math.max(word.length, ...words.map((it) => it.length))
  })
  return [heading, ...rows].map((row) =>
    row
      .map((word, at) => word.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
