import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

const card = '0000:03:00.0'
const interfaces = `/sys/bus/pci/devices/${card}/net`

function driver(): string | null {
  const { groups } = JSON.parse(vfioctl(['groups', card, '--json']).stdout)
  return groups[0].devices[0].driver
}

/** A process in a network namespace of its own, to which the card's interface is moved while `work` runs. */
async function whileMoved(work: () => void): Promise<void> {
  const [name = ''] = readdirSync(interfaces)
  const other = spawn('unshare', ['--net', 'sh', '-c', 'echo there && exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(other.stdout, 'data')
    execFileSync('busybox', ['ip', 'link', 'set', name, 'netns', String(other.pid)])
    work()
  } finally {
    other.kill('SIGKILL')
    await once(other, 'exit')
  }
  // the kernel gives it back some time after the namespace is gone
  for (let tries = 0; !existsSync(`/sys/class/net/${name}`) && tries < 100; tries++) await sleep(100)
}

/** IFF_UP of the card's network interface, as `ip link set` changes it. */
function setUp(isUp: boolean): void {
  const [name = ''] = readdirSync(interfaces)
  writeFileSync(`/sys/class/net/${name}/flags`, isUp ? '0x1003' : '0x1002')
}

describe('a network card that the host uses', () => {
  beforeAll(() => {
    execFileSync('modprobe', ['e1000e'])
  })
  afterAll(() => {
    vfioctl(['release', card])
    execFileSync('modprobe', ['-r', 'e1000e'])
  })

  it('is not taken while its interface is in another network namespace', async () => {
    await whileMoved(() => {
      const { status, stderr } = vfioctl(['bind', card])
      expect(status).toBe(5)
      expect(stderr).toContain(`a network interface of ${card} is in another network namespace`)
    })
    expect(readdirSync(interfaces)).toHaveLength(1)
  })

  it('is not taken while its interface is up; goes to vfio-pci, opens there, and comes back with its interface', () => {
    expect(driver()).toBe('e1000e')
    setUp(true)
    const refused = vfioctl(['bind', card])
    expect(refused.status).toBe(5)
    expect(refused.stderr).toMatch(/cannot take 0000:03:00\.0 from e1000e: network interface \S+ is up\nhint: /)
    setUp(false)
    expect(vfioctl(['bind', card])).toMatchObject({
      status: 0,
      stderr: `${card} is with vfio-pci now (e1000e had it)\n`,
    })
    expect(vfioctl(['inspect', card])).toMatchObject({ status: 0, stderr: '' })
    expect(vfioctl(['release', card])).toMatchObject({
      status: 0,
      stderr: `${card} is with e1000e now (vfio-pci had it)\n`,
    })
    expect(readdirSync(interfaces)).toHaveLength(1)
    expect(vfioctl(['release', card]).stderr).toBe(`already released: ${card} is with e1000e; nothing to do\n`)
  })
})
