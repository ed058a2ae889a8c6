// A test of one's own code on a simulated host, of which one call fails.
import assert from 'node:assert/strict'
import { createMockHost } from 'vfioctl/mock'

/** The code to test: makes a vGPU, and says in words how that went. */
async function makeVgpu(host) {
  try {
    const { type } = await host.start({ parent: '0000:3b:00.0', type: 'GRID T4-16Q' })
    return `made ${type}`
  } catch (error) {
    return error.code
  }
}

const host = createMockHost('demo').host()
try {
  assert.equal(await makeVgpu(host), 'made nvidia-234')
  assert.equal(await makeVgpu(host), 'NO_INSTANCE_LEFT') // it takes the whole card
  console.log('2 tests passed')
} finally {
  await host.close()
}
