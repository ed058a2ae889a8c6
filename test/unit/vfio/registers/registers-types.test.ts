import { expectTypeOf, test } from 'vitest'
import { openDevice } from '../../../../src/vfio/device.ts'
import { registerBlock } from '../../../../src/vfio/registers/register-block.ts'
import type {
  ReadableRegister,
  ReadWriteRegister,
  RegisterArray,
  WritableRegister,
} from '../../../../src/vfio/registers/registers.ts'
import { answerRegion, FakeKernel } from '../fake-kernel.ts'

const Uart = registerBlock({
  thr: { offset: 0, width: 8, access: 'w' },
  lsr: { offset: 5, width: 8, access: 'r', fields: { ready: 0, errors: [4, 1] } },
  fcr: { offset: 2, width: 8, access: 'w', fields: { enable: 0, trigger: [7, 6] } },
  lcr: { offset: 3, width: 8, fields: { wordLength: [1, 0], dlab: 7 } },
  base: { offset: 0x10, width: 64, fields: { page: [63, 12], valid: 0 } },
  ring: { offset: 0x20, width: 32, count: 4, stride: 8 },
})

function uart() {
  const kernel = new FakeKernel()
  kernel.regions.set(0, answerRegion({ size: 0x100n, flags: 3 }))
  return openDevice(kernel, { group: 5, name: 'dev' }).regions.bar0.as(Uart)
}

type None = Readonly<Record<string, never>>

// What the compiler is asked here is answered by `tsc -p test`.
test('types follow the declaration', () => {
  const { thr, lsr, fcr, lcr, base, ring } = uart()
  expectTypeOf(thr).toEqualTypeOf<WritableRegister<number, None>>()
  expectTypeOf(lsr).toEqualTypeOf<ReadableRegister<number, { readonly ready: boolean; readonly errors: number }>>()
  expectTypeOf(lcr).toEqualTypeOf<ReadWriteRegister<number, { readonly wordLength: number; readonly dlab: boolean }>>()
  expectTypeOf(base).toEqualTypeOf<ReadWriteRegister<bigint, { readonly page: bigint; readonly valid: boolean }>>()
  expectTypeOf(ring).toEqualTypeOf<RegisterArray<ReadWriteRegister<number, None>>>()
  expectTypeOf(lcr.read()).toEqualTypeOf<number>()
  expectTypeOf(base.read()).toEqualTypeOf<bigint>()
  expectTypeOf(lcr.fields().dlab).toEqualTypeOf<boolean>()
  expectTypeOf(ring.at(0).read()).toEqualTypeOf<number>()
  expectTypeOf(fcr.write)
    .parameter(0)
    .toEqualTypeOf<number | Partial<{ readonly enable: boolean; readonly trigger: number }>>()
})

test('types refuse what the declaration does not allow', () => {
  const { thr, lsr, fcr, lcr, base, ring } = uart()
  expectTypeOf(thr).not.toHaveProperty('read')
  expectTypeOf(thr).not.toHaveProperty('update')
  expectTypeOf(lsr).not.toHaveProperty('write')
  expectTypeOf(lsr).not.toHaveProperty('update')
  expectTypeOf(ring).not.toHaveProperty('read')
  expectTypeOf(uart()).not.toHaveProperty('scr')
  const refused = [
    // @ts-expect-error a field that is not there
    () => lcr.update({ speed: 1 }),
    // @ts-expect-error one bit is true or false
    () => lcr.update({ dlab: 1 }),
    // @ts-expect-error several bits are a number
    () => fcr.write({ trigger: true }),
    // @ts-expect-error 64 bits are a bigint
    () => base.write(1),
    // @ts-expect-error and so are their fields
    () => base.update({ page: 1 }),
    // @ts-expect-error 8 bits are a number
    () => thr.write(1n),
    // @ts-expect-error a register without fields
    () => thr.write({ any: 1 }),
    // @ts-expect-error a width that there is not
    () => registerBlock({ odd: { offset: 0, width: 24 } }),
    // @ts-expect-error an access that there is not
    () => registerBlock({ odd: { offset: 0, width: 8, access: 'wr' } }),
  ]
  for (const call of refused) expectTypeOf(call).toBeFunction()
})
