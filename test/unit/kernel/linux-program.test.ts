import { chmodSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { HostTree } from '../host-tree.ts'

/** A program that has told that it runs; this process goes on at a signal. */
async function running(script: string) {
  const tree = new HostTree().file('program', `#!/bin/sh\n${script}\n`)
  chmodSync(`${tree.root}/program`, 0o755)
  const onSignal = () => {}
  process.on('SIGINT', onSignal)
  onTestFinished(() => void process.off('SIGINT', onSignal))
  const kernel = openLinux({ root: tree.root, runsPrograms: true })
  const ended = kernel.runProgram('/program', { arguments: [tree.root], timeoutMs: 20_000, endsWithUs: true })
  for (let i = 0; i < 500 && !existsSync(`${tree.root}/here`); i++) await sleep(10)
  return ended
}

test('it gets the SIGINT that this process gets, and all that it started', async () => {
  setTimeout(() => process.emit('SIGINT', 'SIGINT'), 500)
  const began = performance.now()
  expect(await running('touch $1/here; sleep 15 & sleep 15')).toMatchObject({ status: null, timedOut: false })
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(process.listenerCount('SIGINT')).toBe(1)
})

test('one that goes on nevertheless is killed', async () => {
  setTimeout(() => process.emit('SIGINT', 'SIGINT'), 500)
  expect(await running("trap '' INT; touch $1/here; sleep 15; sleep 15")).toMatchObject({ status: null })
})

test('it is not waited for what it leaves running with its stdout', async () => {
  const began = performance.now()
  expect(await running('touch $1/here; echo done; sleep 15 &')).toMatchObject({ status: 0, stdout: 'done\n' })
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('of what it says, a mebibyte is kept, and the rest is read', async () => {
  const { status, stdout } = await running('touch $1/here; head -c 3000000 /dev/zero; exit 7')
  expect({ status, length: stdout.length }).toEqual({ status: 7, length: 2 ** 20 })
})
