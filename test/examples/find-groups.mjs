// Says which IOMMU groups VFIO can have now, and what keeps it from others.
import { openHost } from 'vfioctl'

const host = openHost({ mock: 'demo' })
try {
  const { groups } = host.groups()
  for (const { number, viable, devices } of groups) {
    const foreign = devices
      .filter(({ driver, vfio }) => driver !== null && !vfio)
      .map(({ name, driver }) => `${name} (${driver})`)
    console.log(`group ${number}: ${viable ? 'viable' : `not viable, for ${foreign.join(', ')}`}`)
  }
} finally {
  await host.close()
}
