// npm run check: everything that judges the source without running it. All run; every failure is shown.
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

/** @type {Record<string, string[]>} */
const tools = {
  biome: ['biome', 'ci', '--config-path', 'scripts', process.stdout.isTTY ? '--colors=force' : '--colors=off'],
  'types of src': ['tsc', '-p', 'src', '--noEmit'],
  'types of test': ['tsc', '-p', 'test', '--noEmit'],
  knip: ['knip', '--config', 'scripts/knip.json', '--no-progress'],
  publint: ['publint', '--strict'],
}

/**
 * @returns {Promise<{ name: string, passed: boolean }[]>}
 */
export async function check() {
  const runs = Object.entries(tools).map(async ([name, command]) => {
    const { passed, output } = await run(command)
    if (!passed) console.log(`${name} failed: ${command.join(' ')}\n${output.trimEnd()}\n`)
    return { name, passed }
  })
  return Promise.all(runs)
}

/**
 * @param {string[]} command
 * @returns {Promise<{ passed: boolean, output: string }>}
 */
function run([name, ...args]) {
  return new Promise((resolve) => {
    const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 }
    execFile(join(root, 'node_modules/.bin', name), args, options, (error, stdout, stderr) => {
      const startFailure = typeof error?.code === 'string' ? error.message : ''
      resolve({ passed: !error, output: stdout + stderr + startFailure })
    })
  })
}

if (process.argv[1] === import.meta.filename) {
  const results = await check()
  for (const { name, passed } of results) console.log(`${passed ? 'passed' : 'FAILED'}  ${name}`)
  if (results.some(({ passed }) => !passed)) process.exitCode = 1
}
