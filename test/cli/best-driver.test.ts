import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { vmScenario } from '../contract/vm-scenario.ts'
import { vfioctl } from './vfioctl.ts'

const edu = '0000:00:03.0'
const best = 'live migration of virtual functions of NVIDIA ConnectX and BlueField network cards'

/** A simulated host of its own, with a driver of VFIO for its edu devices. */
function host(loadFails?: string) {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-variant-'))
  const scenario = join(folder, 'variant.json')
  const variant = { module: 'mlx5_vfio_pci', aliases: ['v00001234d000011E8sv*sd*bc*sc*i*'] }
  const variantDrivers = [{ ...variant, ...(loadFails === undefined ? {} : { loadFails }) }]
  writeFileSync(scenario, JSON.stringify({ ...vmScenario, variantDrivers }))
  return (...args: string[]) =>
    vfioctl([`--mock=${scenario}`, ...args], { env: { XDG_STATE_HOME: join(folder, 'state') } })
}

it('bind says in a dry run which driver is best and what it brings, loads and takes it; inspect and release know it', () => {
  const run = host()
  const planned = run('bind', edu, '--dry-run')
  expect(planned.stdout).toMatch(
    /^run \/usr\/sbin\/modprobe -- mlx5_vfio_pci\nwrite 'mlx5_vfio_pci' > .*driver_override\n/,
  )
  expect(planned.stderr).toContain(`mlx5_vfio_pci is VFIO's best driver for ${edu}: ${best}`)
  expect(run('bind', edu).stderr).toContain(`${edu} is with mlx5_vfio_pci now`)
  const { stdout } = run('inspect', edu)
  expect(stdout).toMatch(
    /^driver +mlx5_vfio_pci\nbest driver +mlx5_vfio_pci: live migration .*\n +vfio-pci: takes any PCI endpoint$/m,
  )
  expect(JSON.parse(run('inspect', edu, '--json').stdout).vfioDrivers).toMatchObject([
    { driver: 'mlx5_vfio_pci', isLoaded: true },
    { driver: 'vfio-pci', isLoaded: true },
  ])
  expect(run('list', '--kept').stdout).toMatch(/VFIO’s best driver +with mlx5_vfio_pci/)
  expect(run('release', edu).status).toBe(0)
})

it('after a reboot, restore loads the driver and takes it again', () => {
  const run = host()
  run('bind', edu)
  run('mock', 'reboot')
  expect(run('restore').stderr + run('groups', edu).stdout).toContain('mlx5_vfio_pci')
})

it('vfio-pci, by name, takes the plain driver, which the error of a driver that does not load names', () => {
  const run = host('Key was rejected by service')
  const failed = run('bind', edu)
  expect(failed.status).not.toBe(0)
  expect(failed.stderr).toMatch(/Key was rejected by service\nhint: dmesg \| tail; .*bind .* vfio-pci takes/)
  expect(run('bind', edu, 'vfio-pci').stderr).toContain(`${edu} is with vfio-pci now`)
})
