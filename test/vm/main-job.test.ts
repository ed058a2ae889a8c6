import { describe, it } from 'vitest'
import { expectStep, mainJob } from '../cli/main-job.ts'
import { vfioctl } from '../cli/vfioctl.ts'

describe('a mediated device’s life, on a real kernel', () => {
  const seen: { group?: string } = {}
  it.each(mainJob)('$does', (step) => {
    expectStep(step, vfioctl(step.args), seen)
  })
})
