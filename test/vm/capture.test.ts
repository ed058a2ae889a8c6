import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { forTerminal } from '../../src/cli/io/paint.ts'
import { readBounded } from '../../src/cli/io/user-file.ts'
import { run } from '../../src/cli/run.ts'
import { program, vfioctl } from '../cli/vfioctl.ts'
import { bindPci } from '../contract/pci.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1007'

const readings = [['types'], ['list'], ['groups'], ['groups', '--tree'], ['doctor', '--all']]

interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command line as a program would have it, in this process: a guest takes seconds to start another. */
async function here(args: readonly string[]): Promise<Said> {
  let [stdout, stderr] = ['', '']
  const status = await run(args, {
    out: (text) => {
      stdout += forTerminal(String(text), null)
    },
    err: (text) => {
      stderr += forTerminal(text, null)
    },
    readFile: (path, maxBytes = 2 ** 24) => readBounded(path, maxBytes),
    interruption: () => new AbortController().signal,
    confirm: async () => null,
    program: [process.execPath, program],
    caller: process.ppid,
    readerGone: new AbortController().signal,
    width: () => null,
    showPage: async () => false,
    env: {},
  })
  return { status, stdout, stderr }
}

/** A program of a user who has nothing here. */
async function asNobody(args: readonly string[]): Promise<Said> {
  const who = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program, ...args]
  const { status, stdout, stderr } = spawnSync('setpriv', who, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-capture-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  chmodSync(folder, 0o777)
  return join(folder, 'machine.json')
}

it('a capture of this machine shows what the machine does, devices that were opened too', async (context) => {
  const { address } = await bindPci(context, 'edu-root-port')
  expect(vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2']).status).toBe(0)
  onTestFinished(() => void vfioctl(['stop', uuid]))
  const file = newFile()

  const { status, stderr } = await here(['capture', file, address, uuid])
  expect(stderr).toMatch(/recorded \d+ files and 2 opened devices/)
  expect(status).toBe(0)
  expect(statSync(file).mode & 0o777).toBe(0o600)

  const inspections = [address, uuid].flatMap((device) => [
    ['inspect', device],
    ['inspect', device, '--json'],
  ])
  const others = [['types', '-v'], ['doctor', address, '--json'], ['list', '--json'], ['sriov'], ['qemu', uuid]]
  for (const reading of [...readings, ...others, ...inspections]) {
    const said = await here(reading)
    expect(said.stdout + said.stderr).not.toBe('')
    expect({ reading, ...(await here([...reading, `--mock=${file}`])) }).toEqual({ reading, ...said })
  }
  expect(await here(['stop', uuid, `--mock=${file}`])).toMatchObject({ status: 6, stdout: '' })
})

it('a capture by a user who may read little shows what that user sees, and says what is missing', async (context) => {
  await bindPci(context, 'edu-root-port')
  const file = newFile()
  const { status, stderr } = await asNobody(['capture', file])
  expect(stderr).toMatch(/ACS is not known/)
  expect(stderr).toMatch(/run as root, capture sees those too/)
  expect(status).toBe(0)
  for (const reading of readings) {
    expect({ reading, ...(await here([...reading, `--mock=${file}`])) }).toEqual({
      reading,
      ...(await asNobody(reading)),
    })
  }
})
