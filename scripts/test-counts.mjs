// Results of a run of tests, by name.

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {string[]} failed
 * @property {string[]} skipped
 */

/**
 * @param {string} json the file of vitest's JSON reporter
 * @returns {Counts}
 */
export function countVitest(json) {
  const report = JSON.parse(json)
  /** @type {Counts} */
  const counts = { passed: 0, failed: [], skipped: [] }
  for (const file of report.testResults) {
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') counts.passed += 1
      else if (status === 'failed') counts.failed.push(fullName)
      else counts.skipped.push(fullName)
    }
    // A file that cannot be loaded has no tests to fail.
    if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) {
      counts.failed.push(`${file.name}: ${file.message}`)
    }
  }
  // An error outside any test: vitest says only that the run was no success.
  if (!report.success && counts.failed.length === 0) counts.failed.push('an error outside the tests, shown above')
  return counts
}
