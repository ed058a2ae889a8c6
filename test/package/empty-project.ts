import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A project outside this one, in which the packed package and vitest are installed as a user would. */
export interface EmptyProject {
  readonly folder: string
  write(name: string, text: string): void
  run(node: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string }
  /** Removes all addons, as on a platform for which none was built. */
  removeAddon(): void
  remove(): void
}

export function createProject(tarball: string): EmptyProject {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-first-hour-'))
  const write = (name: string, text: string) => {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, text)
  }
  write('package.json', '{ "name": "first-hour", "private": true, "type": "module" }')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball, 'vitest'], { cwd: folder, stdio: 'inherit' })
  return {
    folder,
    write,
    run(node, args) {
      const { PATH = '', HOME = '' } = process.env
      const env = { PATH, HOME, NO_COLOR: '1', XDG_STATE_HOME: join(folder, 'state') }
      const { error, ...output } = spawnSync(node, args, { cwd: folder, encoding: 'utf8', env, timeout: 120_000 })
      if (error !== undefined) throw error
      return output
    },
    removeAddon: () => rmSync(join(folder, 'node_modules/vfioctl/prebuilds'), { recursive: true }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
