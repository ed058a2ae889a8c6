// Many devices by one spec file, against mdevctl's one by one: on the kernel's sample serial card in the virtual machine.
import { measureInGuest } from './guest.mjs'
import { showTimes } from './measure.mjs'

export async function benchApply() {
  const times = await measureInGuest('apply-in-guest.mjs')
  if (times === null) return
  console.log('\nLinux in QEMU, its processor emulated: 24 devices of mtty, made on a host without any')
  showTimes(times, 'mdevctl start, 24 times')
}
