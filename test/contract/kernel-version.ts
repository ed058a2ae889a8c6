import type { ContractKernel } from './kernel.ts'

/** Whether the kernel under test is older than this Linux. The mock answers as Linux 6.1 does. */
export function isOlderThan({ name, kernel }: ContractKernel, major: number, minor: number): boolean {
  const release = name === 'mock' ? '6.1' : kernel.files.read('/proc/sys/kernel/osrelease')
  const [, hasMajor, hasMinor] = /^(\d+)\.(\d+)/.exec(release) ?? []
  return Number(hasMajor) < major || (Number(hasMajor) === major && Number(hasMinor) < minor)
}
