import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from './vfioctl.ts'

/** The files of the program that a command line loads. */
function loaded(...args: string[]): string[] {
  return atEnd('Object.keys(require.cache)', args).map((file) => basename(file))
}

/** The modules of Node's own. */
function builtIn(...args: string[]): string[] {
  return atEnd('process.moduleLoadList', args).map((it) => it.replace(/^\w+ /, ''))
}

/** The texts that a JavaScript expression gives as a command line ends, sorted. */
function atEnd(expression: string, args: readonly string[]): string[] {
  const script = `
    process.argv.splice(1, 0, ${JSON.stringify(program)})
    process.on('exit', () => require('node:fs').writeSync(2, '\\n' + JSON.stringify(${expression})))
    require(${JSON.stringify(program)})`
  const { stderr } = spawnSync(process.execPath, ['-e', script, '--', ...args], { encoding: 'utf8', timeout: 60_000 })
  const texts: unknown = JSON.parse(stderr.slice(stderr.lastIndexOf('\n')))
  return Array.isArray(texts) ? texts.map(String).sort() : []
}

const everyCommand = ['core.cjs', 'rolldown-runtime.cjs', 'vfioctl.cjs']

test('list and types load what every command needs and how to read a host, and no more', () => {
  expect(loaded('list', '--json')).toEqual([...everyCommand, 'linux.cjs'].sort())
  expect(loaded('types', '--json')).toEqual([...everyCommand, 'linux.cjs', 'types.cjs'].sort())
})

test('list of a simulated host loads that besides, and nothing that opens or changes devices of a real one', () => {
  const simulated = ['mock-kernel.cjs', 'pci.cjs', 'uapi.cjs']
  expect(loaded('list', '--mock', 'gpu-host', '--json')).toEqual([...everyCommand, ...simulated].sort())
})

test('help loads its layout, and read what opens a device: neither loads what changes a host', () => {
  expect(loaded('--help')).toEqual([...everyCommand, 'help-layout.cjs', 'yargs.cjs'].sort())
  expect(loaded('--version')).toEqual([...everyCommand, 'yargs.cjs'].sort())
  const reading = loaded('read', '--mock', 'gpu-host', '3b:00.0', 'config', 'vendor_id')
  expect(reading).toContain('device.cjs')
  expect(reading).not.toContain('lifecycle.cjs')
})

test('what every command needs is without the whole of yargs, either kernel, and what opens or changes a device', () => {
  const core = readFileSync(join(dirname(program), 'core.cjs'), 'utf8')
  for (const [file, name] of [
    ['yargs.cjs', 'recommendCommands'],
    ['linux.cjs', 'LinuxKernel'],
    ['mock-kernel.cjs', 'MockKernel'],
    ['uapi.cjs', 'VFIO_DEVICE_FLAGS_RESET'],
    ['lifecycle.cjs', 'withDeviceLock'],
  ] as const) {
    const chunk = readFileSync(join(dirname(program), file), 'utf8')
    expect([chunk.includes(name), core.includes(name)], name).toEqual([true, false])
  }
})

test('what a file exports are values, not getters, which take longer to define', () => {
  const core = readFileSync(join(dirname(program), 'core.cjs'), 'utf8')
  expect(core).toMatch(/exports\.\w+=\w+/)
  expect(core).not.toContain('defineProperty(exports,"')
})

test('list loads neither threads nor streams, on a simulated host too', () => {
  for (const host of [[], ['--mock', 'gpu-host']]) {
    const modules = builtIn('list', ...host)
    expect(modules).toContain('fs')
    expect(modules.filter((it) => ['worker_threads', 'stream', 'tty', 'net'].includes(it))).toEqual([])
  }
})
