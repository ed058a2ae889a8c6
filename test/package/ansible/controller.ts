import { execFileSync, type SpawnOptions, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')
/** Another Debian, as a folder, whose Ansible runs in place of this machine's, and the executable to run there. */
const { VFIOCTL_ANSIBLE_SYSTEM: system = '', VFIOCTL_ANSIBLE_EXECUTABLE: executable = '' } = process.env

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Ansible on this machine, or of another system, with a folder that both see. */
export class Controller implements Disposable {
  readonly #folder = mkdtempSync(join(system === '' ? tmpdir() : join(system, 'tmp'), 'vfioctl-ansible-test-'))

  constructor() {
    if (system === '') {
      execFileSync(process.execPath, [join(root, 'scripts/vm/debian.mjs'), 'ansible-core'], { stdio: ['ignore', 2, 2] })
    } else copyFileSync(executable, join(this.#folder, 'vfioctl'))
  }

  /** The collection's archive, made anew. */
  pack(into: string): string {
    const args = [join(root, 'scripts/ansible.mjs'), join(this.#folder, into)]
    return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
  }

  /** A path below the folder, as Ansible sees it. */
  path(name: string): string {
    return this.seen(join(this.#folder, name))
  }

  /** A path of this machine, as Ansible sees it. */
  seen(path: string): string {
    return path.slice(system.length)
  }

  write(name: string, content: string): string {
    const file = join(this.#folder, name)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, content)
    return this.path(name)
  }

  /** The file of a vfioctl whose host is a simulated one of its own. */
  simulatedHost(name: string, scenario: string): string {
    const bundled = `'${process.execPath}' '${join(root, 'dist/bin/vfioctl.cjs')}'`
    const program = system === '' ? bundled : this.path('vfioctl')
    const state = this.path(`${name}.state`)
    const path = this.write(
      name,
      `#!/bin/sh\nexport XDG_STATE_HOME='${state}'\nexec ${program} --mock=${scenario} "$@"\n`,
    )
    chmodSync(join(this.#folder, name), 0o755)
    return path
  }

  /** The words that run a command there, as an ordinary process of this machine. */
  command(words: readonly string[]): [file: string, args: string[]] {
    const place = `cd '${this.path('.')}' && exec "$@"`
    if (system === '') return ['sh', ['-c', place, 'sh', ...words]]
    const enter = `mount --bind /dev '${system}/dev' && mount -t proc proc '${system}/proc' && exec chroot '${system}' "$@"`
    return ['unshare', ['-m', 'sh', '-c', enter, 'sh', 'sh', '-c', place, 'sh', ...words]]
  }

  get options(): SpawnOptions {
    const { PATH = '', HOME = '' } = process.env
    const places = { ANSIBLE_COLLECTIONS_PATH: this.path('collections'), ANSIBLE_LOCAL_TEMP: this.path('local') }
    const plain = {
      LC_ALL: 'C.UTF-8',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_FORKS: '4',
      ANSIBLE_REMOTE_TEMP: this.path('remote'),
    }
    return { env: { PATH: `/usr/bin:/bin:/usr/sbin:${PATH}`, HOME, ...plain, ...places } }
  }

  run(...words: string[]): Ended {
    const [file, args] = this.command(words)
    const { env } = this.options
    const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', env })
    if (error !== undefined) throw error
    return { status, stdout, stderr }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
