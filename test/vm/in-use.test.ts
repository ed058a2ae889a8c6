import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

const controller = '0000:00:0c.0'

/** A module that takes the device takes others like it too, and takes a moment for their disks. */
async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo() && tries < 100; tries++) await new Promise((done) => setTimeout(done, 100))
  expect(isSo()).toBe(true)
}

describe('an NVMe disk that may have several controllers', () => {
  const disk = () => readdirSync('/sys/class/block').find((name) => /^nvme\d+n1$/.test(name)) ?? ''

  beforeAll(async () => {
    execFileSync('modprobe', ['nvme'])
    await until(() => existsSync(`/dev/${disk()}`) && disk() !== '')
  })
  afterAll(() => {
    execFileSync('modprobe', ['-r', 'nvme'])
  })

  it('is below none of them, and its controller is not taken while it is swap space', () => {
    expect(readdirSync(`/sys/bus/pci/devices/${controller}/nvme`)).toHaveLength(1)
    execFileSync('mkswap', [`/dev/${disk()}`], { stdio: 'ignore' })
    execFileSync('swapon', [`/dev/${disk()}`])
    const refused = vfioctl(['bind', controller])
    execFileSync('swapoff', [`/dev/${disk()}`])
    expect(refused.status).toBe(5)
    expect(refused.stderr).toContain(`cannot take ${controller} from nvme: /dev/${disk()} is swap space\n`)
    expect(refused.stderr).toContain(`swapoff /dev/${disk()}`)
    expect(vfioctl(['bind', controller, '--dry-run']).status).toBe(0)
  })

  it('is not taken while it is the second member of a mounted btrfs, of which mountinfo names the first alone', () => {
    const folder = mkdtempSync('/tmp/btrfs-')
    const image = join(folder, 'first')
    writeFileSync(image, '')
    truncateSync(image, 128 * 1024 * 1024)
    execFileSync('modprobe', ['-a', 'loop', 'btrfs'])
    const first = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim()
    try {
      execFileSync('mkfs.btrfs', ['--quiet', '--force', first, `/dev/${disk()}`])
      execFileSync('btrfs', ['device', 'scan'], { stdio: 'ignore' })
      execFileSync('mount', ['-t', 'btrfs', first, '/mnt'])
      const named = /^.* - btrfs (\S+) /m.exec(readFileSync('/proc/1/mountinfo', 'utf8'))?.[1]
      const refused = vfioctl(['bind', controller])
      execFileSync('umount', ['/mnt'])
      expect(named).toBe(first)
      expect(refused.status).toBe(5)
      expect(refused.stderr).toContain(`/dev/${disk()}`)
      expect(refused.stderr).toContain('/mnt')
    } finally {
      execFileSync('losetup', ['--detach', first])
      rmSync(folder, { recursive: true })
    }
    expect(vfioctl(['bind', controller, '--dry-run']).status).toBe(0)
  })
})
