import { describe, expect, it } from 'vitest'
import { mockHost } from './vfioctl.ts'

const [first, second] = ['83b8f4f2-509f-382f-3c1e-e6bfe0fa1001', '83b8f4f2-509f-382f-3c1e-e6bfe0fa2002']

describe('what is named and is not there is exit 3', () => {
  it.each([
    ['list a UUID', ['list', first], `there is no device ${first}`],
    ['list a card', ['list', '-p', '99:00.0'], 'there is no PCI device 0000:99:00.0'],
    ['list a type', ['list', '-t', 'mtty-9'], "a type 'mtty-9'; did you mean 'mtty-1'"],
    ['types of a card', ['types', '-p', '99:00.0'], 'there is no PCI device 0000:99:00.0'],
    ['types of a parent', ['types', '-p', 'mtti', '--json'], "no parent 'mtti' offers mediated devices"],
    ['a type', ['types', '-t', 'GRID T5-1B'], "did you mean 'GRID T4-1B'"],
    ['the group of a device', ['groups', '99:00.0'], 'there is no PCI device 0000:99:00.0'],
    ['a group', ['groups', '-g', '99'], 'there is no IOMMU group 99'],
    ['an interface', ['bind', 'eth9'], 'there is no device eth9'],
    ['a card for SR-IOV', ['sriov', '99:00.0'], 'there is no PCI device 0000:99:00.0'],
    ['the beginning of a UUID', ['stop', '83b8'], 'no UUID here begins so'],
  ])('%s', (_what, args, message) => {
    const { status, stdout, stderr } = mockHost()(...args)
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toContain(message)
  })
})

it('what is there and has nothing is no error', () => {
  const run = mockHost()
  expect(run('list', '-p', 'mtty').status).toBe(0)
  expect(run('list', '-t', 'Dual port serial').status).toBe(0)
})

it('a device is named by as much of its UUID as tells it from the others, and made by the whole', () => {
  const run = mockHost()
  for (const uuid of [first, second]) run('define', uuid, '-p', 'mtty', '-t', 'mtty-1')
  expect(run('start', '83b8f4f2').stderr).toContain(`2 UUIDs begin with 83b8f4f2: ${first}, ${second}`)
  expect(run('start', first.slice(0, -3)).status).toBe(0)
  expect(run('inspect', first.slice(0, -3)).status).toBe(0)
  expect(run('stop', first.slice(0, -3).toUpperCase()).stderr).toContain(`stopped ${first}`)
  expect(run('start', '83b8f4f2', '-p', 'mtty', '-t', 'mtty-1').status).toBe(2)
})

it('all functions of a device are bound at once, or none', () => {
  const run = mockHost()
  const devices = JSON.parse(run('bind', '00:1f.*', '--dry-run', '--json').stdout).map(
    ({ device }: { device: string }) => device,
  )
  expect(devices).toEqual(['0000:00:1f.0', '0000:00:1f.3', '0000:00:1f.4', '0000:00:1f.6'])
})
