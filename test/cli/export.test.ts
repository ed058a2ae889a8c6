import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { mockHost, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

test('export prints a spec file alone on stdout, of which plan has nothing to do', () => {
  const run = mockHost()
  expect(run('define', uuid, '-p', 'mtty', '-t', 'mtty-2').status).toBe(0)
  expect(run('start', uuid).status).toBe(0)
  const { status, stdout, stderr } = run('export')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const devices = [{ type: 'mtty-2', uuid, autostart: false }]
  expect(parse(stdout)).toEqual({ version: 1, parents: [{ parent: 'mtty', devices }] })
  const planned = vfioctl(['--mock', 'plan', '-'], { env: run.env, input: stdout })
  expect(planned.stderr).toMatch(/^nothing to do: /)
  expect(JSON.parse(run('export', '--json').stdout)).toEqual(parse(stdout))
})

test('export says on stderr what nobody keeps, and takes it in with --adopt', () => {
  const run = mockHost()
  expect(run('start', uuid, '-p', 'mtty', '-t', 'mtty-2').status).toBe(0)
  const without = run('export')
  expect(parse(without.stdout)).toEqual({ version: 1, parents: [] })
  expect(without.stderr).toBe(
    `on this host, but not kept and not in the file: ${uuid} on mtty; vfioctl export --mock --adopt takes it in\n`,
  )
  const adopted = run('export', '--adopt', '--only', 'mtty,0000:3b:00.0')
  expect(adopted.stderr).toBe('')
  expect(vfioctl(['--mock', 'apply', '-', '--yes'], { env: run.env, input: adopted.stdout }).status).toBe(0)
  expect(run('list', '--defined').stdout).toContain(uuid)
})

test('export of a parent that is not there fails, and names the nearest', () => {
  const { status, stdout, stderr } = mockHost()('export', '--only', 'mty')
  expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
  expect(stderr).toContain("no parent 'mty'")
})
