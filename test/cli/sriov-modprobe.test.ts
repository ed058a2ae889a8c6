import { expect, it } from 'vitest'
import { mockHost } from './vfioctl.ts'

const line = 'options gim vf_num=8,1'

it('sriov --modprobe writes the line for gim, says what is left to do, and takes it out', () => {
  const run = mockHost()
  const on = (...words: string[]) => run('instinct', 'sriov', '05:00.0', ...words)
  expect(on('8', '--modprobe', '--dry-run').stdout).toMatch(
    new RegExp(`^save /etc/modprobe.d/vfioctl-gim.conf\n  # Written by .+\n  ${line}\n$`),
  )
  const written = on('8', '--modprobe')
  expect(written.status).toBe(0)
  expect(written.stderr).toContain(`0000:05:00.0 8, 0000:26:00.0 1 (${line})\nuntil then, nothing changes:`)
  expect(on('8', '--modprobe').stderr).toBe(`already so: ${line}\n`)
  expect(run('instinct', 'list', '--kept').stdout).toContain('8 virtual functions, by gim')
  expect(run('instinct', 'doctor').stdout).toContain('gim is to make functions by vf_num=8,1')
  expect(on('0', '--modprobe').stderr).toContain('gim goes on with its last numbers')
})

it('sriov --modprobe needs a device and a number, and goes with no other option', () => {
  const run = mockHost()
  expect(run('instinct', 'sriov', '--modprobe')).toMatchObject({ status: 2 })
  expect(run('instinct', 'sriov', '05:00.0', '8', '--modprobe', '--transient')).toMatchObject({ status: 2 })
})

it('types says of an AMD GPU that its functions have none, and where they are shown', () => {
  const { stdout, stderr } = mockHost()('instinct', 'types', '-p', '05:00.0')
  expect(stdout).toBe('')
  expect(stderr).toContain('0000:05:00.0 is divided by gim among 1 virtual function (its functions have no types)')
  expect(stderr).toContain('vfioctl sriov --mock instinct 0000:05:00.0')
  expect(stderr).not.toContain('mdev_bus')
})
