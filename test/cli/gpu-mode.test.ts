import { expect, it } from 'vitest'
import { mockHost } from './vfioctl.ts'

it('gpu-mode cuts a GPU, shows how, and forgets what is kept of it', () => {
  const run = mockHost()
  const set = run('blackwell', 'gpu-mode', '41:00.0', '--mig', '2g.48gb+gfx,47=2')
  expect(set).toMatchObject({
    status: 0,
    stderr: '0000:41:00.0: 1x 2g.48gb+gfx, 2x 47, now and at every boot\n',
  })
  const shown = run('blackwell', 'gpu-mode', '41:00.0').stdout
  expect(shown).toContain('  GPU instances  2g.48gb+gfx (1), 1g.24gb+gfx (5), 1g.24gb+gfx (6)\n')
  expect(shown).toContain('  mixed sizes    not in MIG mode\n')
  expect(run('blackwell', 'gpu-mode', '41:00.0', '--forget').stderr).toBe(
    'the modes kept for 0000:41:00.0 are forgotten\n',
  )
  expect(run('blackwell', 'gpu-mode', '41:00.0').stdout).toContain('  kept           nothing\n')
})

it('gpu-mode refuses what is no layout, with an example of one', () => {
  const { status, stderr } = mockHost()('blackwell', 'gpu-mode', '41:00.0', '--mig', '4x1g')
  expect(status).toBe(2)
  expect(stderr).toContain('must be a profile of MIG such as 1g.24gb+gfx')
})
