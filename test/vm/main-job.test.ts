import { describe, it } from 'vitest'
import { expectStep, mainJob } from '../cli/main-job.ts'
import { vfioctl } from '../cli/vfioctl.ts'
import { contractKernel, isLinuxBefore } from '../contract/kernel.ts'

/** mtty of Linux 6.1 has it, that of 6.12 has not. */
const requestInterrupt = '4      req        1      eventfd noresize\n'

const steps = isLinuxBefore(contractKernel(), 6, 12)
  ? mainJob
  : mainJob.map((step) => ({ ...step, stdout: step.stdout.replace(requestInterrupt, '') }))

describe('a mediated device’s life, on a real kernel', () => {
  const seen: { group?: string } = {}
  it.each(steps)('$does', (step) => {
    expectStep(step, vfioctl(step.args), seen)
  })
})
