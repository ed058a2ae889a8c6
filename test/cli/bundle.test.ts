import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from './vfioctl.ts'

/** The files of the program that a command line loads. */
function loaded(...args: string[]): string[] {
  const script = `
    process.argv.splice(1, 0, ${JSON.stringify(program)})
    process.on('exit', () => process.stderr.write(JSON.stringify(Object.keys(require.cache))))
    require(${JSON.stringify(program)})`
  const { stderr } = spawnSync(process.execPath, ['-e', script, '--', ...args], { encoding: 'utf8' })
  const files: unknown = JSON.parse(stderr.slice(stderr.lastIndexOf('[')))
  return Array.isArray(files) ? files.map((file) => basename(String(file))).sort() : []
}

test('list loads what every command needs, and no more', () => {
  expect(loaded('list', '--json')).toEqual(['core.cjs', 'rolldown-runtime.cjs', 'vfioctl.cjs'])
})

test('list of a simulated host loads nothing that changes a host', () => {
  expect(loaded('list', '--mock', 'gpu-host', '--json')).not.toContain('lifecycle.cjs')
})

test('what every command needs is without the whole of yargs, the simulated kernel, and what opens a device', () => {
  const core = readFileSync(join(dirname(program), 'core.cjs'), 'utf8')
  for (const [file, name] of [
    ['yargs.cjs', 'recommendCommands'],
    ['mock-kernel.cjs', 'MockKernel'],
    ['device.cjs', 'VFIO_DEVICE_FLAGS_RESET'],
  ] as const) {
    const chunk = readFileSync(join(dirname(program), file), 'utf8')
    expect([chunk.includes(name), core.includes(name)], name).toEqual([true, false])
  }
})
