import { closeSync, openSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'

const kernel = openLinux()

function start(script: string, descriptors: readonly number[] = []) {
  return kernel.startProgram('/bin/sh', {
    arguments: ['-c', script],
    environment: { PATH: '/usr/bin:/bin', GIVEN: 'yes', ABSENT: undefined },
    descriptors,
  })
}

test('it has the environment and the descriptors that it is given, from 3 on, and no other', async () => {
  const fd = openSync('/dev/null', 'r')
  onTestFinished(() => closeSync(fd))
  const isNull = '[ "$(readlink /proc/$$/fd/3)" = /dev/null ] && [ "$(readlink /proc/$$/fd/4)" = /dev/null ]'
  const { ended } = await start(`${isNull} && [ "$GIVEN$ABSENT" = yes ] && exit 5`, [fd, fd])
  expect(await ended).toEqual({ status: 5, signal: null })
})

test('it can be told to end', async () => {
  const { ended, kill } = await start('exec sleep 60')
  kill('SIGTERM')
  expect(await ended).toEqual({ status: null, signal: 'SIGTERM' })
  kill('SIGTERM')
})

test('one that is not there is refused', async () => {
  const refused = kernel.startProgram('/no/such/program', { arguments: [], environment: {}, descriptors: [] })
  await expect(refused).rejects.toMatchObject({ code: 'ENOENT', path: '/no/such/program' })
})

test('the number of a character device is told, and of no other file', () => {
  const [device, folder] = [openSync('/dev/null', 'r'), openSync('/', 'r')]
  expect([kernel.deviceNumber(device), kernel.deviceNumber(folder)]).toEqual([{ major: 1, minor: 3 }, null])
  for (const fd of [device, folder]) closeSync(fd)
  expect(() => kernel.deviceNumber(folder)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
