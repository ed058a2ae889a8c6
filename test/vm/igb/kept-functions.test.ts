import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { keptFunctions } from '../../contract/lifecycle/kept-functions.ts'

const address = '0000:05:00.0'

keptFunctions(({ skip }) => {
  if (!existsSync(`/sys/bus/pci/devices/${address}`)) skip("the machine's QEMU is older than its igb: 8.0")
  execFileSync('modprobe', ['-a', 'igb', 'igbvf'])
  const kernel = openLinux()
  onTestFinished(() => kernel.dispose())
  return { kernel, address }
})
