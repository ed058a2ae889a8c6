import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect } from 'vitest'
import type { VirtualDevice } from '../../src/lifecycle/device/virtual-device.ts'
import { program, vfioctl } from './vfioctl.ts'

/** The host that the commands are for: global options, and the environment. */
export interface Place {
  readonly options?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

function uuids(family: number): string[] {
  return Array.from({ length: 12 }, (_, at) => `83b8f4f2-509f-382f-3c1e-e6bfe0fa5${family}${`${at}`.padStart(2, '0')}`)
}

const [defined, started, stopped] = [uuids(0), uuids(1), uuids(2)]
const modified = '83b8f4f2-509f-382f-3c1e-e6bfe0fa5300'
const attributes = Array.from({ length: 14 }, (_, at) => `attribute_${at}`)
const kind = ['-p', 'mtty', '-t', 'mtty-1']

/**
 * On a host with mtty and no device of it: 50 processes at once define, start and stop twelve devices each, and change
 * one definition 14 times. Each does what it is asked for, and nothing is lost. The devices stay.
 */
export async function expectFiftyAtOnce({ options = [], env = {} }: Place = {}): Promise<void> {
  const call = (args: readonly string[], input = '') => {
    const { status, stdout, stderr } = vfioctl([...options, ...args], { env, input })
    expect({ args, status, stderr }).toMatchObject({ status: 0 })
    return stdout
  }
  const running = stopped.map((uuid) => ({ uuid, type: 'mtty-1' }))
  call(['apply', '-'], JSON.stringify({ version: 1, parents: [{ parent: 'mtty', devices: running }] }))
  call(['define', '-u', modified, ...kind])

  const commands = [
    ...defined.map((uuid) => ['define', '-u', uuid, ...kind]),
    ...started.map((uuid) => ['start', '-u', uuid, ...kind]),
    ...stopped.map((uuid) => ['stop', '-u', uuid]),
    ...attributes.map((name) => ['modify', '-u', modified, '--addattr', name, '--value', '1']),
  ]
  expect(commands).toHaveLength(50)
  const ends = await Promise.all(commands.map((args) => run([...options, ...args], env)))
  expect(ends.filter(({ status }) => status !== 0)).toEqual([])

  const { devices, warnings } = JSON.parse(call(['list', '-p', 'mtty', '--json']))
  expect(warnings).toEqual([])
  expect(devices.map(summary).sort()).toEqual(
    [
      ...defined.map((uuid) => `${uuid} defined`),
      ...started.map((uuid) => `${uuid} active`),
      ...stopped.map((uuid) => `${uuid} defined`),
      `${modified} defined with ${[...attributes].sort()}`,
    ].sort(),
  )
}

function summary({ uuid, active, definition }: VirtualDevice): string {
  const names = definition?.attributes.map(({ name }) => name).sort() ?? []
  const states = [...(active ? ['active'] : []), ...(definition === null ? [] : ['defined'])]
  return `${uuid} ${states.join(' and ')}${names.length === 0 ? '' : ` with ${names}`}`
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [[status], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  return { args, status, stderr }
}
