import { describe, it } from 'vitest'
import { expectStep, mainJob } from './main-job.ts'
import { mockHost } from './vfioctl.ts'

describe('a mediated device’s life, on the simulated host', () => {
  const run = mockHost()
  const seen: { group?: string } = {}
  it.each(mainJob)('$does', (step) => {
    expectStep(step, run(...step.args), seen)
  })
})
