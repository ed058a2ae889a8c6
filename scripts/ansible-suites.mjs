// npm run test:ansible [-- --suite NAME…]: the tests of the Ansible collection with the ansible-core of other Debians, each
// in a folder of its own, where vfioctl is the single executable. Takes root and, the first time, some minutes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { makeExecutable } from './single/executable.mjs'
import { debianRoot } from './vm/debian-root.mjs'

const root = dirname(import.meta.dirname)
const { values } = parseArgs({
  options: { suite: { type: 'string', multiple: true, default: ['bookworm', 'trixie', 'sid'] } },
})

const work = mkdtempSync(join(tmpdir(), 'vfioctl-test-ansible-'))
try {
  await build()
  const executable = join(work, 'vfioctl')
  await makeExecutable(process.arch, executable)
  let failures = 0
  for (const suite of values.suite) {
    console.log(`\n--- Debian ${suite}`)
    const system = await debianRoot(suite, ['ansible-core'])
    const env = { ...process.env, VFIOCTL_ANSIBLE_SYSTEM: system, VFIOCTL_ANSIBLE_EXECUTABLE: executable }
    const args = ['run', '--config', 'test/vitest.config.ts', '--project', 'package', 'package/ansible']
    const vitest = join(root, 'node_modules/.bin/vitest')
    if (spawnSync(vitest, args, { cwd: root, env, stdio: 'inherit' }).status !== 0) failures++
  }
  process.exitCode = failures === 0 ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
