import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { mockHost, program } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** `vfioctl watch`, once it has told what is there. */
async function watching(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = spawn(process.execPath, [program, '--mock', 'watch', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (wanted: string): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`it ended before '${wanted}'`)
      if (value.includes(wanted)) return value
    }
  }
  await next('mtty-2')
  return { child, next }
}

async function endOf(child: ChildProcess): Promise<{ status: number; stderr: string }> {
  let stderr = ''
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  const [status] = await once(child, 'close')
  return { status, stderr }
}

describe('watch', () => {
  it('tells people one line for each change', async () => {
    const run = mockHost()
    const { child, next } = await watching(run.env)
    run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1', '--auto')
    expect(await next(uuid)).toBe(`definition ${uuid} appeared: mtty-1 on mtty, auto`)
    run('start', uuid)
    expect(await next(`device ${uuid}`)).toMatch(/ appeared: mtty-1 \(Single port serial\) on mtty, \/dev\/vfio\/\d+$/)
    run('stop', uuid)
    expect(await next(uuid)).toBe(`device ${uuid} gone`)
    child.kill('SIGINT')
    expect(await endOf(child)).toEqual({ status: 130, stderr: 'vfioctl: interrupted\n' })
  })

  it('tells programs the library’s objects, one a line', async () => {
    const run = mockHost()
    const { next } = await watching(run.env, '--json')
    run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    const told: unknown = JSON.parse(await next(`"uuid":"${uuid}"`))
    const [device] = JSON.parse(run('list', uuid, '--json').stdout).devices
    expect(told).toEqual({ time: expect.stringMatching(/^\d{4}-.*Z$/), what: 'device', change: 'appeared', device })
  })

  it('ends without a word where nobody reads on', async () => {
    const run = mockHost()
    const { child } = await watching(run.env)
    child.stdout.destroy()
    const ended = endOf(child)
    run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    expect(await ended).toEqual({ status: 0, stderr: '' })
  })
})
