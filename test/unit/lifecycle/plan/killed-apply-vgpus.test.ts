import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import type { HostFiles } from '../../../../src/kernel/kernel.ts'
import { cacheTypeNames } from '../../../../src/lifecycle/kinds/nvidia-vgpu/cache-type-names.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { sriovManage } from '../../../../src/mock/programs/sriov-manage.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'
import { crashingKernel, Killed, type Program } from '../crashing-kernel.ts'

const [l40s, rtx, network, disk] = ['0000:41:00.0', '0000:61:00.0', '0000:81:00.0', '0000:82:00.0'] as const

const used = new Set([1155, 1157, 1504, 1506])

interface Machine {
  readonly host: Host
  readonly kernel: MockKernel
}

interface Case {
  /** Brings a host to where there is something to do. */
  readonly drift: (host: Host) => Promise<unknown>
  /** True if NVIDIA's sriov-manage ends with us, as when a service is killed with all its processes. */
  readonly programsDie?: boolean
  readonly spec: string
  /** As many changes it takes at least. */
  readonly changes: number
}

const cases: Record<string, Case> = {
  'types, attributes and definitions with NVIDIA’s own driver': {
    async drift(host) {
      for (const name of ['0000:41:00.4', '0000:41:00.6']) await host.start({ parent: name, type: 'L40S-24Q' })
      for (const name of ['0000:41:00.4', '0000:41:00.7']) await host.define({ name, type: 'L40S-24Q' })
    },
    spec: `
version: 1
parents:
  - parent: 41:00.0
    others: remove
    devices:
      - { type: L40S-16Q, function: '41:00.4', attributes: [{ nvidia/vgpu_params: enable_uvm=1 }] }
      - { type: L40S-16Q, count: 2, autostart: false, attributes: [{ nvidia/vgpu_params: enable_uvm=0 }] }
`,
    changes: 28,
  },
  'types and definitions with the driver proposed for the kernel': {
    async drift(host) {
      await host.kernel.files.write(`/sys/bus/pci/devices/${rtx}/sriov_numvfs`, '6')
      for (const name of ['0000:61:00.4', '0000:61:00.6']) await host.start({ parent: name, type: 'DC-24Q' })
      await host.define({ name: '0000:61:00.6' })
    },
    spec: `
version: 1
parents:
  - parent: 61:00.0
    others: remove
    devices:
      - { type: DC-12Q, function: '61:00.6', owner: { user: 7, mode: '0640' } }
      - { type: DC-12Q, count: 2 }
`,
    changes: 20,
  },
  'drivers, numbers of virtual functions, and what is made of them': {
    drift: (host) => host.setVirtualFunctions({ device: network, count: 2 }),
    spec: `
version: 1
bindings: [{ device: '82:00.0' }]
parents:
  - { parent: '81:00.0', sriov: { count: 3, autoprobe: false } }
  - { parent: '61:00.0', sriov: 5, devices: [{ type: DC-12Q, count: 2 }] }
  - { parent: '41:00.0', sriov: all, devices: [{ type: L40S-24Q, count: 1 }] }
`,
    changes: 40,
  },
  'virtual functions that NVIDIA’s sriov-manage makes, which is killed too': {
    drift: async () => undefined,
    programsDie: true,
    spec: `
version: 1
parents: [{ parent: '41:00.0', sriov: all, devices: [{ type: L40S-24Q, count: 1 }] }]
`,
    changes: 40,
  },
  'no virtual functions, by NVIDIA’s sriov-manage, which is killed too': {
    drift: async () => undefined,
    programsDie: true,
    spec: `
version: 1
parents: [{ parent: '41:00.0', sriov: 0 }]
`,
    changes: 10,
  },
}

/** No more than these cases need, as all of it is built anew after each of some thousand writes. */
const scenario: Scenario = {
  ...gpuHost,
  parents: [],
  pci: gpuHost.pci
    .filter(({ address }) => [l40s, rtx, network, disk].some((used) => used === address))
    .map(({ behind: _, sriov, vgpus, ...device }) => ({
      ...device,
      ...(sriov === undefined ? {} : { sriov: { ...sriov, totalVfs: 6 } }),
      ...(vgpus === undefined ? {} : { vgpus: { ...vgpus, types: vgpus.types.filter(({ id }) => used.has(id)) } }),
    })),
}

async function drifted({ drift }: Case): Promise<Machine> {
  const kernel = new MockKernel(scenario, {})
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  for (const { vgpus } of scenario.pci) cacheTypeNames(kernel.files, vgpus?.types ?? [])
  await drift(host)
  return { host, kernel }
}

function planOf({ kernel }: Pick<Host, 'kernel'>, spec: string) {
  return makePlan(kernel, parseSpec(spec, 'spec.yaml'))
}

/** State of a host, with what is kept for its next boot. */
function ending(host: Host) {
  const { kernel } = host
  const { files } = kernel
  return {
    devices: host.list().devices.map(({ name, type, active, definition, node }) => ({
      name,
      type,
      active,
      definition,
      owner: node === null ? null : files.owner(node),
      params: name.startsWith('0000:41') ? files.read(`/sys/bus/pci/devices/${name}/nvidia/vgpu_params`) : null,
    })),
    functions: host.physicalFunctions().functions.map((card) => {
      return { ...card, drivers: card.functions.map((address) => driverOf(kernel, address)) }
    }),
    disk: driverOf(kernel, disk),
    kept: ['sriov', 'bindings', 'vgpus', 'node-owners'].map((kind) => keptFiles(files, `/etc/vfioctl.d/${kind}`)),
    halfConfigured: keptFiles(files, '/run/vfioctl/half-configured'),
  }
}

function keptFiles(files: HostFiles, folder: string) {
  return files.kind(folder) === null ? [] : files.list(folder).map((name) => [name, files.read(`${folder}/${name}`)])
}

describe('killed after any of its changes to the host, and applied again, it always comes to the same end:', () => {
  test.each(Object.entries(cases))(
    '%s',
    async (_, it) => {
      const { spec, changes, programsDie = false } = it
      const { host: whole } = await drifted(it)
      expect((await applyPlan(whole.kernel, planOf(whole, spec))).failed).toEqual([])
      const end = ending(whole)
      expect(end.halfConfigured).toEqual([])
      for (let after = 1; ; after++) {
        const { host, kernel } = await drifted(it)
        const program: Program = (files, run) => sriovManage(kernel.machine, files, run)
        const { kernel: crashing, died, death } = crashingKernel(kernel, after, programsDie ? program : undefined)
        const attempt = Promise.resolve().then(() =>
          applyPlan(crashing, planOf({ kernel: crashing }, spec), { signal: death }),
        )
        const outcome = await attempt.catch((error: unknown) => error)
        if (!died()) {
          expect(after).toBeGreaterThan(changes)
          break
        }
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Killed)
        const { failed } = await applyPlan(kernel, planOf(host, spec))
        expect({ after, failed }).toEqual({ after, failed: [] })
        expect({ after, ...ending(host) }).toEqual({ after, ...end })
        expect(isDone(planOf(host, spec))).toBe(true)
      }
    },
    600_000,
  )
})
