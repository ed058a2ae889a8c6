import { expect, onTestFinished, test } from 'vitest'
import { boundDriver } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { withSettingsLock } from '../../../../src/lifecycle/settings/settings.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const sound = '0000:00:1f.3'
const bus = '0000:00:1f.4'
const gpu = '0000:3b:00.0'

function mock(): Kernel {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  return kernel
}

function planOf(kernel: Kernel, ...bindings: object[]) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, bindings }), 'spec.json'))
}

function driver({ files }: Kernel, device: string): string | null {
  return boundDriver(files, `/sys/bus/pci/devices/${device}/driver`)
}

test.each([
  ['an address', { device: '00:1f.3' }, [sound]],
  ['a list', { device: ['00:1f.3', bus] }, [sound, bus]],
  ['a range', { device: '00:1f.1-00:1f.5' }, [sound, bus]],
  ['ids', { device: { vendor: '8086', device: 'a348' } }, [sound]],
  ['an IOMMU group', { device: sound, group: true }, ['0000:00:1f.0', sound, bus]],
])('%s chooses the devices', (_what, binding, devices) => {
  const { bindings } = planOf(mock(), binding)
  expect(bindings.map(({ action, device, driver }) => ({ action, device, driver }))).toEqual(
    devices.map((device) => ({ action: 'bind', device, driver: 'vfio-pci' })),
  )
})

test('a plan says why and each write; applied, it is done, and what drifted is bound again', async () => {
  const kernel = mock()
  const wanted = { device: sound }
  const plan = planOf(kernel, wanted)
  expect(plan.bindings).toMatchObject([{ reason: 'is with snd_hda_intel', uses: [] }])
  expect(plan.bindings[0]?.steps.map(({ path }) => path)).toEqual([
    `/sys/bus/pci/devices/${sound}/driver_override`,
    `/sys/bus/pci/devices/${sound}/driver/unbind`,
    '/sys/bus/pci/drivers_probe',
    keptBindings.path(sound),
  ])
  expect(isDone(plan)).toBe(false)
  expect(await applyPlan(kernel, plan)).toMatchObject({ done: [{ device: sound }], failed: [], remaining: [] })
  expect(driver(kernel, sound)).toBe('vfio-pci')
  expect(isDone(planOf(kernel, wanted))).toBe(true)
  kernel.files.unlink(keptBindings.path(sound))
  expect(planOf(kernel, wanted).bindings).toMatchObject([{ action: 'bind', reason: 'is not kept for the next boot' }])
})

test('`driver: none` takes a device from its driver, and no driver gets it before it is released', async () => {
  const kernel = mock()
  const none = { device: sound, driver: 'none' }
  const plan = planOf(kernel, none)
  const override = `/sys/bus/pci/devices/${sound}/driver_override`
  expect(plan.bindings).toMatchObject([{ action: 'bind', driver: 'none', reason: 'is with snd_hda_intel' }])
  expect(plan.bindings[0]?.steps).toMatchObject([
    { path: override, value: 'none' },
    { path: `/sys/bus/pci/devices/${sound}/driver/unbind` },
    { action: 'save', path: keptBindings.path(sound) },
  ])
  expect((await applyPlan(kernel, plan)).failed).toEqual([])
  await kernel.files.write('/sys/bus/pci/drivers_probe', sound)
  expect(driver(kernel, sound)).toBeNull()
  expect(isDone(planOf(kernel, none))).toBe(true)
  await kernel.files.write(override, '\n')
  expect(planOf(kernel, none).bindings).toMatchObject([{ reason: 'has no driver, and any may take it' }])
  expect(planOf(kernel, { device: sound }).bindings).toMatchObject([{ driver: 'vfio-pci' }])
  await release(kernel, { device: sound })
  expect(driver(kernel, sound)).toBe('snd_hda_intel')
})

test('it comes back at the next boot', async () => {
  const before = mock()
  await applyPlan(before, planOf(before, { device: sound, driver: 'none' }))
  const kept = keptBindings.read(before.files, sound)
  if (kept === null) throw new Error('nothing was kept')
  const kernel = mock()
  await withSettingsLock(kernel, () => keptBindings.save(kernel.files, sound, kept), {})
  const { results } = await restore(kernel, { parent: sound })
  expect(results).toMatchObject([{ kind: 'binding', name: 'none', outcome: 'started', error: null }])
  expect(driver(kernel, sound)).toBeNull()
  expect((await restore(kernel, { parent: sound })).results).toMatchObject([{ outcome: 'already-there' }])
})

test('what the host uses is not taken: DEVICE_BUSY before anything is done, or with keepGoing, after the rest', async () => {
  const kernel = mock()
  await start(kernel, { parent: gpu, type: 'nvidia-222' })
  const plan = planOf(kernel, { device: gpu }, { device: sound })
  await expect(applyPlan(kernel, plan)).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    hint: expect.stringMatching(/^end that use first \(vfioctl stop \S+\), or --keep-going does the rest$/),
    facts: { busy: [gpu] },
  })
  expect(driver(kernel, sound)).toBe('snd_hda_intel')
  await expect(applyPlan(kernel, plan, { force: true })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
  const applied = await applyPlan(kernel, plan, { keepGoing: true })
  expect(applied).toMatchObject({ done: [{ device: sound }], failed: [{ entry: { device: gpu } }] })
  expect([driver(kernel, gpu), driver(kernel, sound)]).toEqual(['nvidia', 'vfio-pci'])
})

test('drivers come before devices, and the first failure ends it', async () => {
  const kernel = mock()
  const parents = [{ parent: 'mtty', devices: [{ type: 'mtty-1' }] }]
  const text = JSON.stringify({ version: 1, bindings: [{ device: sound, driver: 'i801_smbus' }], parents })
  const applied = await applyPlan(kernel, makePlan(kernel, parseSpec(text, 'spec.json')))
  expect(applied).toMatchObject({
    done: [],
    failed: [{ entry: { device: sound }, error: { code: 'NOT_SUPPORTED' } }],
    remaining: [{ parent: 'mtty' }],
  })
  expect(driver(kernel, sound)).toBe('snd_hda_intel')
})

test.each([
  ['two drivers for one device', [{ device: sound }, { device: '00:1f.3', driver: 'i801_smbus' }], 'INVALID_SPEC'],
  ['a driver that is not there', [{ device: sound, driver: 'nosuch' }], 'NOT_FOUND'],
  ['ids that no device has', [{ device: { vendor: 'ffff' } }], 'NOT_FOUND'],
  ['what is no address', [{ device: 'eth0' }], 'INVALID_ARGUMENT'],
  ['an unknown key', [{ device: sound, drvier: 'vfio-pci' }], 'INVALID_SPEC'],
  ['a bridge', [{ device: '3a:00.0' }], 'NOT_SUPPORTED'],
])('%s: nothing is planned', (_what, bindings, code) => {
  const kernel = mock()
  expect(() => planOf(kernel, ...bindings)).toThrow(expect.objectContaining({ code }))
})

test('a spec that says nothing is INVALID_SPEC', () => {
  expect(() => parseSpec('version: 1', 'a.yaml')).toThrow(/must have parents or bindings/)
})

test('early: true has the rule and the initramfs as steps of its last device, and is done once applied; false takes it back', async () => {
  const kernel = mock()
  const asked = [{ device: ['0000:00:1f.6', sound], early: true }]
  const plan = planOf(kernel, ...asked)
  const runs = plan.bindings.map(({ steps }) => steps.flatMap((step) => (step.action === 'run' ? step.path : [])))
  expect(runs.map((paths) => paths.includes('/usr/sbin/update-initramfs'))).toEqual([false, true])
  const said: string[] = []
  const onMessage = (line: string) => void said.push(line)
  expect(await applyPlan(kernel, plan, { onMessage })).toMatchObject({ failed: [], remaining: [] })
  expect(said.filter((line) => line.includes('is made anew'))).toHaveLength(1)
  expect(isDone(planOf(kernel, ...asked))).toBe(true)
  expect(isDone(planOf(kernel, { device: sound }))).toBe(true)
  const rule = '/etc/udev/rules.d/05-vfioctl-early.rules'
  expect(kernel.files.read(rule)).toContain(sound)
  await applyPlan(kernel, planOf(kernel, { device: sound, early: false }))
  expect(kernel.files.read(rule)).not.toContain(sound)
  kernel.files.unlink(rule)
  expect(planOf(kernel, ...asked.map((it) => ({ ...it, device: '0000:00:1f.6' }))).bindings).toMatchObject([
    { action: 'bind', reason: 'is not set up to be early' },
  ])
})
