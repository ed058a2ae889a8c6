// The library's calls: measured on this machine, and in the virtual machine, in processes that have an end.
import { compileCalls } from './c-program.mjs'
import { compileFloor } from './floor.mjs'
import { measureInGuest } from './guest.mjs'
import { measureInOwnProcess } from './own-process.mjs'
import { showGrowth, showSideBySide, showTargets } from './report.mjs'

const timeoutSeconds = 900

/** @param {string} scratch */
export async function benchCalls(scratch) {
  const calls = compileCalls(scratch)
  const floor = compileFloor(scratch)
  const bare = measureInOwnProcess('bare.mjs', { args: floor === null ? [calls] : [calls, floor], timeoutSeconds })
  showSideBySide(
    'This machine, without VFIO: files in the place of regions, eventfds in the place of interrupts',
    bare.cases,
  )
  showGrowth(bare.allocator)
  const guest = await measureInGuest('in-guest.mjs', calls)
  if (guest !== null) {
    showSideBySide(
      `Linux ${guest.kernel} in QEMU, real devices. Its processor is emulated: that makes what runs in user space, above all` +
        ' JavaScript, many times slower and system calls less so; the ratios tell of QEMU more than of the library',
      guest.cases,
    )
  }
  showTargets(bare, guest)
}
