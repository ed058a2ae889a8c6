import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { onTerminal } from './terminal.ts'
import { mockHost } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

test('apply asks on a terminal before it takes something away: no, the input’s end and Ctrl-C change nothing', async () => {
  const run = mockHost()
  const file = join(run.env['XDG_STATE_HOME'] ?? '', 'spec.yaml')
  writeFileSync(file, 'version: 1\nparents: [{ parent: mtty, others: remove }]')
  run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
  const answered = (answer: string) => onTerminal(['apply', '--mock=demo', file], answer, run.env)
  const refusals = await Promise.all(['n\n', '\x04', '\x03'].map(answered))
  expect(refusals.map(({ status }) => status)).toEqual([1, 1, 130])
  for (const { screen } of refusals) {
    expect(screen).toMatch(new RegExp(`remove ${uuid} on mtty .*1 to be taken away.*nothing is changed`, 's'))
  }
  expect(run('list').stdout).toContain(uuid)
  expect(await answered('y\n')).toMatchObject({ status: 0, screen: expect.stringContaining('done: 1 device changed') })
  expect(run('list').stdout).not.toContain(uuid)
})
