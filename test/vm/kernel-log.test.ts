import { randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import { applyPlan } from '../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../src/lifecycle/spec/parse-spec.ts'
import { vfioctl } from '../cli/vfioctl.ts'

const uuid = randomUUID()
const said = 'uevent: failed to send synthetic uevent: -22'

afterEach(() => {
  vfioctl(['stop', uuid])
  vfioctl(['undefine', uuid])
})

/** Has the kernel say something of our device that no call of ours is about. */
function sayBefore(): void {
  const device = `/sys/bus/mdev/devices/${uuid}`
  expect(() => writeFileSync(`${device}/uevent`, 'nonsense')).toThrow('EINVAL')
}

it('an attribute that is refused: the error has what the kernel said of it meanwhile, and nothing older', () => {
  const device = ['-p', 'mtty', '-t', 'mtty-2']
  vfioctl(['start', '-u', uuid, ...device])
  sayBefore()
  vfioctl(['stop', uuid])
  expect(vfioctl(['define', '-u', uuid, ...device]).status).toBe(0)
  expect(vfioctl(['modify', uuid, '--addattr', 'uevent', '--value', 'nonsense']).status).toBe(0)

  const { status, stdout, stderr } = vfioctl(['start', uuid])
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(
    /^vfioctl: cannot set attribute uevent of .*EINVAL.*removed again; the kernel says: .*\nhint: .*\n$/,
  )
  expect(stderr.split(said)).toHaveLength(2)
  expect(existsSync(`/sys/bus/mdev/devices/${uuid}`)).toBe(false)

  const { error } = JSON.parse(vfioctl(['start', uuid, '--json']).stderr)
  expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED', errno: 'EINVAL', path: expect.stringMatching(/\/uevent$/) })
  expect(error.facts.kernelLog.filter((line: string) => line.includes(said))).toEqual([expect.stringContaining(uuid)])
})

it('in a plan of several devices each error has its own lines', async () => {
  const kernel = openLinux()
  const others = [randomUUID(), randomUUID()]
  const devices = others.map((uuid) => ({ type: 'mtty-1', uuid, attributes: [{ uevent: 'nonsense' }] }))
  const spec = parseSpec(JSON.stringify({ version: 1, parents: [{ parent: 'mtty', devices }] }), 'spec.json')
  const { failed } = await applyPlan(kernel, makePlan(kernel, spec), { keepGoing: true })
  const messages = failed.map(({ error }) => String(error))
  expect(messages.map((message) => message.split(said).length)).toEqual([2, 2])
  for (const [n, message] of messages.entries()) expect(message).not.toContain(others[1 - n])
})
