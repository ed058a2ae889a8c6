import { existsSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { vfioctl } from '../../cli/vfioctl.ts'
import { active } from '../defined-devices.ts'
import { card, display, onMtty } from './definitions.ts'
import { atBoot, property, reload, said, settle } from './systemd.ts'

it('what was defined comes back at boot, with a parent that is ten seconds late, before libvirt starts', async () => {
  const booted = () => property('multi-user.target', 'ActiveState')
  await vi.waitFor(() => expect(booted(), said(atBoot).join('\n')).toBe('active'), { timeout: 110_000, interval: 2000 })
  expect(said(atBoot)).toContain('waiting for mtty, at most 60 s')
  const early = [`started: ${card} with driver vfio-pci`, `started: ${display} on mdpy (mdpy-vga)`]
  // The udev rule starts those on mtty too: whoever comes second finds them there.
  const late = onMtty.map((uuid) => expect.stringMatching(`^(started|already there): ${uuid} on mtty \\(mtty-1\\)$`))
  const outcomes = said(atBoot).filter((line) => /^(started|already there|failed|no parent): /.test(line))
  const isLate = (line: string) => line.includes(' on mtty ')
  expect(outcomes.filter((line) => !isLate(line)).sort()).toEqual(early)
  expect(outcomes.filter(isLate)).toEqual(late)
  expect(property(atBoot, 'Result')).toBe('success')
  expect(existsSync(`/sys/bus/pci/drivers/vfio-pci/${card}`)).toBe(true)
  expect(active()).toEqual([...onMtty, display])
  expect(said('libvirtd.service')).toEqual(active())
})

it('boot remove leaves nothing that starts a device', async () => {
  expect(vfioctl(['boot', 'remove'])).toMatchObject({ status: 0 })
  expect(property(atBoot, 'LoadState')).toBe('not-found')
  expect(property('vfioctl-restore@mtty.path', 'ActiveState')).toBe('inactive')
  reload('mtty')
  await settle()
  expect(active()).toEqual([display])
})
