import { expect, test } from 'vitest'
import { asVfioError, VfioError } from '../../../../src/base/errors.ts'
import { reportFailure } from '../../../../src/cli/output/failure.ts'

/** The lines that are said of an error. */
function said(error: unknown): string {
  const lines: string[] = []
  const io = { err: (line: string) => void lines.push(line) }
  reportFailure(error, { json: false, verbose: 0, command: 'list', mock: null, root: null }, io)
  return lines.join('')
}

test('a mistake of this program is called one, also if it comes through the library', () => {
  const mistake = new TypeError('x is not a function')
  for (const error of [mistake, asVfioError(mistake)]) {
    expect(said(error)).toMatch(/unexpected: x is not a function\n.*this is a mistake in vfioctl/)
  }
})

test('what says what happened is none, whatever its cause', () => {
  const cause = new TypeError('x is not a function')
  expect(said(new VfioError('APPLY_INCOMPLETE', 'one failed', { cause }))).not.toContain('unexpected')
  const refused = Object.assign(new Error('EBUSY'), { code: 'EBUSY', errno: -16, syscall: 'write' })
  expect(said(asVfioError(refused))).not.toContain('unexpected')
})
