import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { traced } from '../../../src/kernel/trace/traced-kernel.ts'
import { channelProgram } from '../../../src/vfio/ccw/channel-program.ts'
import { openSubchannel } from './open-subchannel.ts'

test('a trace shows the structs of a channel program', async (context) => {
  const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-trace-')), 'trace')
  const { device, io } = await openSubchannel(context, (kernel) => traced(kernel, { VFIOCTL_TRACE: file }))
  const buffer = await device.dma.allocate(4096, { addressBits: 31 })
  buffer.view().set(channelProgram([{ command: 'no-op', suppressLength: true }]))
  device.subchannel.start({ program: buffer.iova })
  await io.next({ timeoutMs: 10_000 })
  device.subchannel.irb()
  device.subchannel.schib()
  device.subchannel.nextReport()
  device.subchannel.clear()
  const [program, end] = [buffer.iova, buffer.iova + 8n].map((at) => `0x${at.toString(16)}`)
  const accesses = readFileSync(file, 'utf8').matchAll(/^(p(?:read|write))\(\d+<[^>]*>(.*)$/gm)
  expect(Array.from(accesses, ([, name, rest]) => `${name}(FD${rest}`)).toEqual([
    `pwrite(FD, {orb={program=${program}, flags=format1|prefetch|idaw64}, functions=start}, 0x0) = 24`,
    `pread(FD, 96, 0x18) = 96 {functions=start, status=pending|secondary|primary, device=channelEnd|deviceEnd, program=${end}}`,
    'pread(FD, 52, 0x800) = 52 {device=0x314, enabled=true, chpids=[0x0]}',
    'pread(FD, 8, 0xc00) = 8 {}',
    'pwrite(FD, {command=VFIO_CCW_ASYNC_CMD_CSCH}, 0x400) = 8',
  ])
})
