import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'

const checkout = join(import.meta.dirname, '../..')
const inCI = !['', 'false', '0'].includes(process.env['CI'] ?? '')

function node(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: checkout, encoding: 'utf8' })
  return { status, stdout, stderr }
}

beforeAll(() => {
  const { status, stderr } = node(['scripts/prebuild.mjs'])
  if (status !== 0) throw new Error(stderr)
}, 600_000)

const emulated = [
  ['arm64', 'LE'],
  ['s390x', 'BE'],
] as const

test.for(emulated.filter(([arch]) => arch !== process.arch))(
  'the addon for %s is loaded there, and its calls give what they should in its byte order',
  { timeout: 600_000 },
  ([arch, endianness], { skip }) => {
    const program = ['test/emulated/use-addon.cjs', `prebuilds/linux-${arch}.node`]
    const { status, stdout, stderr } = node(['scripts/vm/emulated-node.mjs', arch, ...program])
    if (status === 77 && !inCI) skip(stderr.trim())
    expect({ status, stderr }).toMatchObject({ status: 0 })
    expect(JSON.parse(stdout)).toEqual({
      arch,
      endianness,
      pageSize: 4096,
      piped: 'over the pipe',
      event: [0, 7],
      reads: [0x2211, 0x44332211, String(0x8877665544332211n)],
      written: '0201000004030201' + '0807060504030201' + '0000000000000000' + 'a2a1',
      words: [
        [0x44332211, 4],
        [0x6655, 2],
        [0x66, 1],
        [0, 0],
      ],
      // qemu-user knows no ioctl of VFIO
      notVfio: 'ENOSYS ioctl',
      closed: 'EBADF read',
      wrongArgument: 'ERR_INVALID_ARG_TYPE TypeError',
    })
  },
)
