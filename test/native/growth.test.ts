import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import { isSoak, tell } from '../soak.ts'

const kernel = openLinux()
/** A leak of a mapping, a descriptor or a view per round shows at any count; the long run shows bytes. */
const rounds = isSoak ? 1_000_000 : 20_000
const batch = 1000
const allowedBytes = 32 * 1024 * 1024

interface Held {
  readonly fds: number
  readonly maps: number
  readonly rss: number
}

async function held(): Promise<Held> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await setImmediate()
  }
  return {
    fds: readdirSync('/proc/self/fd').length,
    maps: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => /zero|memfd|eventfd/.test(line)).length,
    rss: process.memoryUsage.rss(),
  }
}

async function repeat(count: number, act: () => void): Promise<void> {
  for (let done = 0; done < count; done += batch) {
    for (let i = 0; i < batch; i++) act()
    await setImmediate()
  }
}

const acts: Readonly<Record<string, () => void>> = {
  'mapping, touching, viewing and unmapping memory': () => {
    const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    memory.write32(0, 1)
    memory.view()[1] = 1
    memory.close()
  },
  'mapping memory with a descriptor': () => kernel.allocateMemory({ size: 4096, kind: 'memfd' }).close(),
  'opening and closing a descriptor': () => kernel.close(kernel.eventfd()),
  'opening and closing a file': () => kernel.close(kernel.open('/dev/null', 'r')),
  'failing calls': () => {
    try {
      kernel.ioctl(0, 0x3b70, new Uint8Array(16), [{ offset: 8, target: new Uint8Array(8) }])
    } catch {
      // the failure is the point
    }
  },
  'starting and closing a watch': () => {
    const fd = kernel.eventfd()
    kernel.watch(fd, () => {}).close()
    kernel.close(fd)
  },
}

describe(`nothing is left behind by ${rounds} times`, () => {
  beforeAll(async () => {
    for (const act of Object.values(acts)) await repeat(2 * batch, act)
  })

  it.each(Object.entries(acts))('%s', async (name, act) => {
    const before = await held()
    await repeat(rounds, act)
    const after = await held()
    tell(`${name}: ${JSON.stringify({ before, after })}`)
    expect({ fds: after.fds, maps: after.maps }).toEqual({ fds: before.fds, maps: before.maps })
    expect(after.rss - before.rss).toBeLessThan(allowedBytes)
  })
})
