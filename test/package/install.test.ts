import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type PackageManager, packageManagers } from './package-managers.ts'
import { type Registry, startRegistry } from './registry.ts'

const tarball = inject('tarball')
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

let registry: Registry
/** Programs that a user without a compiler has; the shells' start scripts of package managers call them. */
let bare: string

beforeAll(async () => {
  bare = mkdtempSync(join(tmpdir(), 'vfioctl-bare-'))
  symlinkSync(process.execPath, join(bare, 'node'))
  for (const name of ['sh', 'env', 'sed', 'dirname', 'uname']) {
    const at = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))
    if (at !== undefined) symlinkSync(at, join(bare, name))
  }
  registry = await startRegistry()
  registry.publish(tarball)
}, 300_000)

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  rmSync(bare, { recursive: true, force: true })
})

describe.each(packageManagers())('$name, without a compiler', (manager) => {
  test.each(['registry', 'file'] as const)(
    'installs the package from a %s, and again from the lock file, and it finds its addon',
    (source) => {
      const folder = mkdtempSync(join(tmpdir(), 'vfioctl-install-'))
      try {
        const run = projectFor(folder, manager)
        const define = () => defineSomething(folder, (args) => run([...manager.run, 'vfioctl', ...args]))
        copyFileSync(tarball, join(folder, 'vfioctl.tgz'))
        run([...manager.add, source === 'registry' ? 'vfioctl' : 'vfioctl@file:./vfioctl.tgz'])
        expect(define()).toContain(`defined ${uuid}`)
        for (const name of ['node_modules', '.pnp.cjs']) rmSync(join(folder, name), { recursive: true, force: true })
        run(manager.frozen)
        if (manager.rebuild !== null) run(manager.rebuild)
        expect(define()).toContain(`defined ${uuid}`)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    300_000,
  )
})

test('the package runs no script when it is installed, and has nothing that npm would compile', () => {
  const { stdout } = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
  expect(stdout.split('\n')).not.toContain('package/binding.gyp')
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
    expect(manifest).not.toHaveProperty(['scripts', name])
  }
})

/** A project of a user; returns what runs a command of the package manager in it, and gives back what was printed. */
function projectFor(folder: string, manager: PackageManager): (args: readonly string[]) => string {
  writeFileSync(join(folder, 'package.json'), '{ "name": "project", "private": true }')
  writeFileSync(join(folder, '.npmrc'), `registry=${registry.url}\n`)
  const yarn = {
    npmRegistryServer: registry.url,
    unsafeHttpWhitelist: ['127.0.0.1'],
    enableTelemetry: false,
    // it passes over what was published this week
    npmMinimalAgeGate: 0,
    // else on in CI, where the first lock file could not be written
    enableImmutableInstalls: false,
  }
  writeFileSync(join(folder, '.yarnrc.yml'), JSON.stringify(yarn))
  const home = join(folder, '.home')
  mkdirSync(home)
  const env = { PATH: bare, HOME: home, npm_config_userconfig: join(home, 'npmrc'), npm_config_audit: 'false' }
  return (args) => {
    const options = { cwd: folder, env, encoding: 'utf8', timeout: 240_000 } as const
    const { status, stdout, stderr, error } = spawnSync(process.execPath, [manager.script, ...args], options)
    const said = stdout + stderr
    expect({ args, error, said, status }).toEqual({ args, error: undefined, said, status: 0 })
    return said
  }
}

/** Defining a device takes a lock, for which the addon is loaded. */
function defineSomething(folder: string, vfioctl: (args: readonly string[]) => string): string {
  const root = join(folder, '.host')
  const type = join(root, 'sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2')
  mkdirSync(type, { recursive: true })
  mkdirSync(join(root, 'etc'))
  writeFileSync(join(type, 'available_instances'), '12\n')
  const said = vfioctl(['define', '--root', root, '-u', uuid, '-p', 'mtty', '-t', 'mtty-2'])
  rmSync(root, { recursive: true })
  return said
}
