import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { forwardSignals } from '../../../../src/vfio/program/forward-signals.ts'
import { HostTree } from '../../host-tree.ts'

/** A program in the process group 7, of a terminal that has another one in its foreground, or this one. */
function forwarding(foreground: number) {
  const tree = new HostTree().file('proc/self/stat', `42 (a) b) S 1 7 7 34816 ${foreground} 4194304 0\n`)
  const before = process.listenerCount('SIGINT')
  const begun = forwardSignals(openLinux({ root: tree.root }).files)
  onTestFinished(() => {
    begun.stop()
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
  const got: string[] = []
  return { got, listen: () => begun.to({ kill: (signal) => void got.push(signal) }) }
}

test.each([
  ['in the background', 99, ['SIGINT', 'SIGTERM', 'SIGHUP']],
  ['of no terminal', -1, ['SIGINT', 'SIGTERM', 'SIGHUP']],
  ['in the foreground, where the program has got Ctrl-C itself', 7, ['SIGTERM', 'SIGHUP']],
])('a process %s hands signals on', (_where, foreground, expected) => {
  const { got, listen } = forwarding(foreground)
  listen()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.emit(signal, signal)
  expect(got).toEqual(expected)
})

test('a signal that comes before the program runs waits for it', () => {
  const { got, listen } = forwarding(-1)
  process.emit('SIGTERM', 'SIGTERM')
  expect(got).toEqual([])
  listen()
  expect(got).toEqual(['SIGTERM'])
})
