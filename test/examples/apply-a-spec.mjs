// Makes a host as a spec says, and shows that a second time there is nothing left to do.
import { losses, openHost } from 'vfioctl'

const spec = { version: 1, parents: [{ parent: '0000:3b:00.0', devices: [{ type: 'GRID T4-8Q', count: 2 }] }] }
const host = openHost({ mock: 'demo' })
try {
  const plan = await host.plan(spec)
  if (losses(plan).length > 0) throw new Error('this would take something away')
  const { done, failed } = await host.apply(plan)
  const left = (await host.plan(spec)).entries.filter(({ action }) => action !== 'keep')
  console.log(`${done.length} made, ${failed.length} failed, ${left.length} left to do`)
} finally {
  await host.close()
}
