import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Diagnosis } from '../../../src/index.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../src/mock/scenario/scenario.ts'
import { gpuHost } from '../../../src/mock/shipped/gpu-host.ts'
import { mockStateDirectory } from '../../../src/mock/state/state-directory.ts'
import { runHere, type Said } from './run-here.ts'

const nic = '0000:81:00.0'
const ssd = '0000:82:00.0'
const cmdline = (words: string) => ({ '/proc/cmdline': `BOOT_IMAGE=/vmlinuz root=/dev/sda1 ${words}\n` })
const tables = (...names: string[]) =>
  Object.fromEntries(['FACP', ...names].map((name) => [`/sys/firmware/acpi/tables/${name}`, 'x']))
const kept = (address: string, vendor: string, device: string, driver = 'vfio-pci', more: object = {}) => ({
  '/etc/vfioctl.d/bindings': null,
  [`/etc/vfioctl.d/bindings/${address}.json`]: JSON.stringify({ driver, vendor, device, ...more }),
})
const withoutIommu = gpuHost.pci.map((device) => ({ ...device, iommuGroup: null }))
const booted = (parameters: Readonly<Record<string, Readonly<Record<string, string>>>>) => ({
  modules: { ...gpuHost.modules, ...parameters },
})

/** The host on which VFIO has the SSD already, with these files of it. */
const ssdFolder = `/sys/devices/pci0000:80/0000:80:02.0/${ssd}`
const withVfio = (files: Readonly<Record<string, string>> = {}) => ({
  pci: gpuHost.pci.map((one) => (one.address === ssd ? { ...one, driver: 'vfio-pci' } : one)),
  disk: Object.fromEntries(Object.entries(files).map(([name, text]) => [`${ssdFolder}/${name}`, text])),
})
/** An endpoint with the capability of power management. */
const sleeping = {
  kind: 'memory',
  configSize: 256,
  config: { '0x04': '02001000', '0x34': '40', '0x40': '01000300' },
  bars: {},
  rom: 0,
  reset: false,
} as const
const { vfio_pci: _, ...withoutVfioPci } = gpuHost.modules
const { nvidia_vgpu_vfio: __, ...withoutVgpus } = gpuHost.modules
/** The host on which an L40S has no virtual functions. */
const withoutFunctions = gpuHost.pci.map((one) =>
  one.sriov === undefined || one.address !== '0000:41:00.0' ? one : { ...one, sriov: { ...one.sriov, enabled: 0 } },
)

/** The host on which no vGPU fits on an L40S. */
const withoutTypes = gpuHost.pci.map((one) => {
  if (one.vgpus === undefined || one.address !== '0000:41:00.0') return one
  const capacity = Object.fromEntries(Object.keys(one.vgpus.capacity).map((name) => [name, 0]))
  return { ...one, vgpus: { ...one.vgpus, capacity } }
})

/** The host on which a display stands in the place of the SSD, with a framebuffer of the firmware's. */
const display = (kind = '0x030000', driver: string | null = null): Broken => ({
  framebuffer: { device: ssd, driver: 'efi-framebuffer', bytes: 2 ** 21 },
  pci: gpuHost.pci.map((one) =>
    one.address !== ssd
      ? one
      : {
          ...one,
          class: kind,
          driver,
          function: { ...sleeping, config: { ...sleeping.config, '0x10': '080000b0' }, bars: { '0': 2 ** 24 } },
        },
  ),
})

type Broken = Partial<Omit<Scenario, 'disk'>> & {
  readonly disk?: Scenario['disk']
  /** A file of the host's disk that is not there. */
  readonly without?: string
}

interface Case {
  readonly host: Broken
  readonly ask: readonly string[]
  readonly id: string
  readonly severity: string
  readonly says: RegExp
  /** Its own commands mend it: carried out, doctor finds nothing of the kind, and says that the host is healthy. */
  readonly mended: boolean
}

const problem = { severity: 'problem', ask: [], mended: false } as const
const note = { severity: 'note', ask: [], mended: false } as const
const warning = { severity: 'warning', ask: [], mended: false } as const

const broken: Readonly<Record<string, Case>> = {
  'the command line turns the IOMMU off': {
    ...problem,
    host: { pci: withoutIommu, disk: { ...cmdline('intel_iommu=off'), ...tables('DMAR') } },
    id: 'iommu-off',
    says: /take the kernel argument intel_iommu=off out/,
  },
  'the kernel does not use the IOMMU': {
    ...problem,
    host: { pci: withoutIommu, disk: { ...cmdline('quiet'), ...tables('DMAR'), '/etc/default/grub': 'x' } },
    id: 'iommu-off',
    says: /add the kernel argument intel_iommu=on .*\/etc\/default\/grub/,
  },
  'the firmware has no IOMMU': {
    ...problem,
    host: { pci: withoutIommu, disk: tables() },
    id: 'iommu-off',
    says: /turn on VT-d/,
  },
  'a virtual machine has no IOMMU': {
    ...problem,
    host: { pci: withoutIommu, disk: { ...tables(), '/proc/cpuinfo': 'flags\t\t: fpu vme hypervisor lahf_lm\n' } },
    id: 'iommu-off',
    says: /its hypervisor gives no IOMMU/,
  },
  'AMD’s IOMMU has failed': {
    ...problem,
    host: { pci: withoutIommu, disk: tables('IVRS') },
    id: 'iommu-off',
    says: /run: +dmesg \| grep -i AMD-Vi/,
  },
  'interrupts are not remapped': {
    ...problem,
    host: { isolatesInterrupts: false, disk: cmdline('intremap=off') },
    id: 'interrupts-not-remapped',
    says: /take the kernel argument intremap=off out/,
  },
  'unsafe interrupts are allowed': {
    ...warning,
    host: booted({ vfio_iommu_type1: { allow_unsafe_interrupts: 'Y' } }),
    id: 'unsafe-interrupts-allowed',
    says: /can raise the host’s interrupts/,
    mended: true,
  },
  'noiommu is on': {
    ...warning,
    host: booted({ vfio: { enable_unsafe_noiommu_mode: 'Y' } }),
    id: 'noiommu-on',
    says: /echo 0 > \/sys\/module\/vfio\/parameters\/enable_unsafe_noiommu_mode/,
    mended: true,
  },
  'the kernel’s command line blocks vfio-pci': {
    ...warning,
    host: { disk: cmdline('module_blacklist=vfio_pci') },
    id: 'vfio-module-blocked',
    says: /take it out of module_blacklist=/,
  },
  'modprobe is told not to load it': {
    ...warning,
    host: { disk: { '/etc/modprobe.d/no.conf': 'install vfio_iommu_type1 /bin/false\n' } },
    id: 'vfio-module-blocked',
    says: /\/etc\/modprobe.d\/no.conf:1: install vfio_iommu_type1/,
  },
  'a named device is with a driver of the host': {
    ...problem,
    host: {},
    ask: [ssd],
    id: 'wrong-driver',
    says: /0000:82:00.0 is with nvme/,
    mended: true,
  },
  'a device that is kept for vfio-pci is with its own driver': {
    ...problem,
    host: { disk: kept(ssd, '0x144d', '0xa80a') },
    id: 'wrong-driver',
    says: /what is kept for each boot says vfio-pci/,
    mended: true,
  },
  'a device that is kept for none has a driver': {
    ...problem,
    host: { disk: kept(ssd, '0x144d', '0xa80a', 'none') },
    id: 'wrong-driver',
    says: /vfioctl bind --mock=\S+ 0000:82:00.0 none/,
    mended: true,
  },
  'a sibling spoils the group': {
    ...problem,
    host: { disk: kept(nic, '0x8086', '0x1592') },
    id: 'group-not-viable',
    says: /group 9 of 0000:81:00.0 is not viable: 0000:81:00.1 is with ice/,
    mended: true,
  },
  'no IOMMU is in front of a device': {
    ...problem,
    host: { pci: gpuHost.pci.map((one) => (one.address === ssd ? { ...one, iommuGroup: null } : one)) },
    ask: [ssd],
    id: 'device-without-group',
    says: /is in no IOMMU group/,
  },
  'driverctl takes a device at boot': {
    ...warning,
    host: {
      ...withVfio(),
      disk: { ...kept(ssd, '0x144d', '0xa80a'), [`/etc/driverctl.d/pci-${ssd}`]: 'nvme\n' },
    },
    id: 'taken-at-boot',
    says: /driverctl unset-override 0000:82:00.0/,
    mended: true,
  },
  'something is kept for a card that is gone': {
    ...warning,
    host: { disk: kept('0000:99:00.0', '0x144d', '0xa80a') },
    id: 'kept-for-absent-device',
    says: /driver vfio-pci is kept for 0000:99:00.0, which is not there/,
    mended: true,
  },
  'the rule for what is bound early is gone': {
    ...warning,
    host: {
      disk: {
        ...kept(ssd, '0x144d', '0xa80a', 'vfio-pci', { early: true }),
        '/usr/lib/udev': null,
        '/usr/lib/udev/rules.d': null,
        '/usr/lib/udev/rules.d/80-drivers.rules': '',
      },
    },
    id: 'early-not-set-up',
    says: /run: +vfioctl bind --mock=\S+ 0000:82:00.0 --early/,
    mended: true,
  },
  'vfio-pci is not loaded': {
    ...problem,
    host: { modules: withoutVfioPci },
    ask: [ssd],
    id: 'vfio-module-not-loaded',
    says: /run: +modprobe vfio-pci/,
  },
  'the kernel has no vfio-pci': {
    ...problem,
    host: { modules: withoutVfioPci, disk: { '/lib/modules/7.3.0/kernel': null } },
    ask: [ssd],
    id: 'vfio-module-missing',
    says: /linux-modules-extra/,
  },
  'there is no iommufd': { ...note, host: {}, id: 'iommufd-missing', says: /run: +modprobe iommufd/ },
  'the kernel has no iommufd': {
    ...note,
    host: { disk: { '/lib/modules/7.3.0/kernel': null } },
    id: 'iommufd-missing',
    says: /seen: \/lib\/modules\/7.3.0\/kernel\/drivers\/iommu\/iommufd: nothing there(?!.*modprobe iommufd)/,
  },
  'nothing gives a device to VFIO at the next boot': {
    ...note,
    host: withVfio(),
    id: 'binding-not-kept',
    says: /0000:82:00.0 is with vfio-pci until the next boot/,
    mended: true,
  },
  'a user may not open the nodes': {
    ...problem,
    host: withVfio(),
    ask: ['--user', 'libvirt-qemu'],
    id: 'node-not-permitted',
    says: /setfacl -m u:libvirt-qemu:rw \/dev\/vfio\/11/,
  },
  'the limit of locked memory is too low': {
    ...problem,
    host: { lockedMemory: 2 ** 26 },
    ask: ['--guest-memory', '32G', '--devices', '2', '--viommu'],
    id: 'locked-memory-limit',
    says: /locks 64 GiB, and 1 GiB more is wise; this user may lock 0\.0625 GiB .* ulimit -l 68157440/,
  },
  'the limit of a user’s logins is too low': {
    ...problem,
    host: {
      disk: {
        '/etc/passwd': 'mia:x:1000:1000::/home/mia:/bin/sh\n',
        '/etc/security/limits.d': null,
        '/etc/security/limits.conf': '* hard memlock unlimited\n@kvm - memlock 1024\nmia hard memlock 8388608\n',
      },
    },
    ask: ['--user', 'mia', '--guest-memory', '16GiB'],
    id: 'locked-memory-limit',
    says: /may lock 8 GiB .*limits.conf:3: mia hard memlock 8388608/,
    mended: true,
  },
  'the limit of a service is too low': {
    ...problem,
    host: {
      disk: {
        '/usr/lib/systemd/system/guest.service': '[Service]\nUser=mia\nLimitMEMLOCK=1G\n',
        '/etc/systemd/system/guest.service.d/10.conf': '[Service]\nLimitMEMLOCK=64M:2G\n',
        '/etc/systemd/system/guest.service.d/old.txt': 'LimitMEMLOCK=infinity\n',
      },
    },
    ask: ['--unit', 'guest', '--guest-memory', '16G'],
    id: 'locked-memory-limit',
    says: /guest\.service may lock 2 GiB .*guest\.service\.d\/10\.conf:2: LimitMEMLOCK=64M:2G.*systemctl restart guest\.service/,
    mended: true,
  },
  'a service has systemd’s own limit': {
    ...problem,
    host: { disk: { '/usr/lib/systemd/system/guest.service': '[Service]\nUser=mia\n' } },
    ask: ['--unit', 'guest.service', '--guest-memory', '1G'],
    id: 'locked-memory-limit',
    says: /may lock 0\.007813 GiB .*systemd’s own/,
  },
  'no file tells the limit of a user': {
    ...note,
    host: {},
    ask: ['--user', 'libvirt-qemu', '--guest-memory', '16G'],
    id: 'locked-memory-limit-unknown',
    says: /no file tells the limit of libvirt-qemu/,
  },
  'a container takes too few mappings': {
    ...warning,
    host: booted({ vfio_iommu_type1: { allow_unsafe_interrupts: 'N', dma_entry_limit: '1000' } }),
    id: 'mapping-limit',
    says: /echo 65535 > /,
    mended: true,
  },
  'type1 maps page by page': {
    ...warning,
    host: booted({ vfio_iommu_type1: { disable_hugepages: 'Y' } }),
    id: 'huge-pages-disabled',
    says: /starts slowly/,
    mended: true,
  },
  'a guest is larger than the host': {
    ...problem,
    host: {
      disk: {
        '/proc/meminfo': 'MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nHugePages_Free: 0\nHugepagesize: 2048 kB\n',
      },
    },
    ask: ['--guest-memory', '32G'],
    id: 'guest-memory-missing',
    says: /8 GiB of 16 GiB are available/,
  },
  'a device may lose power': {
    ...note,
    host: {
      pci: gpuHost.pci.map((one) => (one.address === ssd ? { ...one, driver: 'vfio-pci', function: sleeping } : one)),
    },
    id: 'd3cold-allowed',
    says: /vfioctl bind \S+ 0000:82:00\.0 vfio-pci --power on --d3cold off/,
    mended: true,
  },
  'vendor-reset is not used': {
    ...note,
    host: {
      modules: { ...gpuHost.modules, vendor_reset: {} },
      pci: gpuHost.pci.map((one) =>
        one.address === ssd
          ? { ...one, vendor: '0x1002', class: '0x030000', driver: 'vfio-pci', function: { ...sleeping, reset: true } }
          : one,
      ),
    },
    id: 'vendor-reset-not-used',
    says: /vfioctl bind \S+ 0000:82:00\.0 vfio-pci --reset-methods device_specific/,
  },
  'a device hangs': {
    ...problem,
    host: {
      pci: gpuHost.pci.map((one) =>
        one.address === ssd
          ? { ...one, driver: 'vfio-pci', function: { ...sleeping, reset: true }, hungUntil: 'pm' }
          : one,
      ),
    },
    id: 'device-does-not-answer',
    says: /vfioctl reset --mock=\S+ 0000:82:00.0 --try/,
    mended: true,
  },
  'a device is the display of the host': {
    ...warning,
    host: withVfio({ boot_vga: '1\n' }),
    id: 'boot-display',
    says: /goes dark/,
  },
  'the firmware’s framebuffer holds a BAR': {
    ...problem,
    host: {
      ...withVfio(),
      disk: {
        '/proc/iomem': `a0000000-dfffffff : PCI Bus 0000:80\n  b0000000-bfffffff : ${ssd}\n    b0000000-b02fffff : BOOTFB\n`,
      },
    },
    id: 'memory-held-by-framebuffer',
    says: /add the kernel argument initcall_blacklist=sysfb_init/,
  },
  'the host shows its console on a device': {
    ...problem,
    host: display(),
    ask: [ssd],
    id: 'memory-held-by-framebuffer',
    says: /holds BAR 0 of 0000:82:00.0 .*vfioctl bind --mock=\S+ 0000:82:00.0 --release-framebuffer/,
    mended: true,
  },
  'a device that VFIO has is the host’s screen all the same': {
    ...problem,
    host: display('0x038000', 'vfio-pci'),
    id: 'memory-held-by-framebuffer',
    says: /can’t reserve/,
    mended: true,
  },
  'a card has no virtual functions to make vGPUs of': {
    ...warning,
    host: { pci: withoutFunctions },
    ask: ['0000:41:00.0'],
    id: 'vgpu-functions-off',
    says: /vfioctl sriov --mock=\S+ 0000:41:00.0 all/,
    mended: true,
  },
  'a card’s functions can be made no vGPU': {
    ...warning,
    host: { pci: withoutTypes },
    ask: ['0000:41:00.0'],
    id: 'vgpu-types-missing',
    says: /0000:41:00\.0 carries no vGPU, and .*current_vgpu_type: 0.*nvidia-smi -i 0000:41:00\.0 -q/,
  },
  'a card’s driver makes no vGPUs': {
    ...note,
    host: { modules: withoutVgpus, pci: withoutFunctions, without: '/usr/lib/nvidia/sriov-manage' },
    id: 'vgpu-driver-missing',
    says: /0000:41:00.0 is with nvidia, and NVIDIA’s driver for hosts of vGPUs is not here/,
  },
  'the kernel is locked down': {
    ...note,
    host: { disk: { '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n' } },
    id: 'lockdown',
    says: /locked down \(integrity\)/,
  },
  'SELinux refuses': {
    ...warning,
    host: {
      disk: { '/var/log/audit/audit.log': 'type=AVC msg=audit(1): avc:  denied  { open } path="/dev/vfio/11"\n' },
    },
    id: 'denied-by-policy',
    says: /SELinux has refused/,
  },
  'driverctl takes a twin along': {
    ...note,
    host: {
      pci: gpuHost.pci.map((one) => (one.address === '0000:81:00.1' ? { ...one, driver: null } : one)),
      disk: { [`/etc/driverctl.d/pci-${nic}`]: 'vfio-pci\n' },
    },
    id: 'driverctl-takes-twins',
    says: /and 0000:81:00.1 of the same kind has no driver/,
  },
  'mdevctl’s rule starts nothing': {
    ...note,
    host: {
      disk: { '/usr/lib/udev/rules.d/60-mdevctl.rules': 'RUN+="/usr/sbin/mdevctl start-parent-mdevs %k"\n' },
    },
    id: 'mdevctl-rule',
    says: /calls \/usr\/sbin\/mdevctl, which is not there/,
  },
  'Proxmox has the device': {
    ...note,
    host: { ...withVfio(), disk: { '/etc/pve/qemu-server/100.conf': 'cores: 2\nhostpci0: 82:00,pcie=1\n' } },
    id: 'proxmox-has-device',
    says: /100.conf:2: hostpci0/,
  },
  'NVIDIA’s operator has the GPUs': {
    ...note,
    host: { disk: { '/run/nvidia/validations': null } },
    ask: ['3b:00.0'],
    id: 'gpu-operator-runs',
    says: /workload.config/,
  },
  'nothing restores what is kept': {
    ...warning,
    host: { disk: kept(ssd, '0x144d', '0xa80a', 'nvme') },
    id: 'restore-not-installed',
    says: /driver nvme of 0000:82:00.0/,
    mended: true,
  },
}

type Run = (words: readonly string[]) => Promise<Said>

/** The command line on a host of its own, run in this process. */
function hostOf({ disk = {}, without = '', ...others }: Broken) {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-doctor-'))
  const file = join(folder, 'host.json')
  const { [without]: _gone, ...usual } = gpuHost.disk
  const scenario: Scenario = { ...gpuHost, ...others, name: 'sick', disk: { ...usual, ...disk } }
  writeFileSync(file, JSON.stringify(scenario))
  const on: Run = async (words) => {
    const named = words.some((word) => word.startsWith('--mock')) ? words : [...words, `--mock=${file}`]
    return await runHere(named, folder)
  }
  return { on, shell: (line: string) => shell(line, on, folder, scenario) }
}

/** Carries out a command that doctor has printed: ours by our command line, others by what they do to the host's files. */
async function shell(line: string, on: Run, folder: string, scenario: Scenario) {
  const [program = '', ...words] = line.split(' ')
  if (program === 'vfioctl') {
    expect(await on(words)).toMatchObject({ status: 0 })
    return
  }
  const kernel = createMockKernel(scenario, {
    stateDirectory: mockStateDirectory(scenario.name, { XDG_STATE_HOME: folder }),
  })
  try {
    const [, text, path] = /^echo '?([^'>]+?)'? > (\S+)$/.exec(line) ?? []
    const [, address] = /^driverctl unset-override (\S+)$/.exec(line) ?? []
    if (text !== undefined && path?.startsWith('/sys/')) await kernel.files.write(path, `${text}\n`)
    else if (text !== undefined && path !== undefined) kernel.files.create(path, `${text}\n`)
    else if (words[0] === '-p' && program === 'mkdir') makeFolder(kernel, words[1] ?? '')
    else if (program === 'printf') {
      const [, lines = '', file = ''] = /^printf '(.*)' > (\S+)$/.exec(line) ?? []
      kernel.files.create(file, lines.replaceAll('\\n', '\n'))
    } else if (program === 'systemctl') expect(['daemon-reload', 'restart']).toContain(words[0])
    else if (address !== undefined) kernel.files.unlink(`/etc/driverctl.d/pci-${address}`)
    else expect.fail(`nothing here carries out '${line}'`)
  } finally {
    kernel.dispose()
  }
}

function makeFolder({ files }: Kernel, path: string): void {
  if (files.kind(path) === null) files.makeDirectory(path)
}

describe('doctor', () => {
  test('is tried on more than twelve hosts that its own commands mend', () => {
    expect(Object.values(broken).filter(({ mended }) => mended).length).toBeGreaterThan(12)
  })

  test.each(Object.entries(broken))('%s', async (_, { host, ask, id, severity, says, mended }) => {
    const { on, shell } = hostOf(host)
    const json = await on(['doctor', '--json', ...ask])
    const { findings, healthy }: Diagnosis = JSON.parse(json.stdout)
    const found = findings.find((finding) => finding.id === id)
    expect(found).toMatchObject({ id, severity })
    expect(found?.evidence.length).toBeGreaterThan(0)
    expect([healthy, json.status]).toEqual(
      severity === 'problem' ? [false, 11] : [expect.any(Boolean), expect.any(Number)],
    )

    const { stdout } = await on(['doctor', '--all', ...ask])
    expect(stdout).toContain(`[${id}]`)
    expect(stdout.replaceAll('\n', ' ')).toMatch(says)

    if (!mended) return
    expect(found?.commands.length).toBeGreaterThan(0)
    for (const line of found?.commands ?? []) await shell(line)
    const after: Diagnosis = JSON.parse((await on(['doctor', '--json', ...ask])).stdout)
    expect(after.findings.filter((finding) => finding.id === id && finding.device === found?.device)).toEqual([])
    expect(after.healthy).toBe(true)
  })

  test.each([
    ['no name of a user', ['doctor', '--user', ''], /user must not be empty/],
    ['no name of a user', ['run', '3b:00.0', '--user', '', '--', 'true'], /user must not be empty/],
    ['a service of no guest', ['doctor', '--unit', 'guest'], /--unit .*--guest-memory/],
    ['no service', ['doctor', '--unit', '../x', '--guest-memory', '1G'], /is no name of a systemd service/],
    ['devices of no guest', ['doctor', '--devices', '3'], /--devices, .*--guest-memory/],
    ['an IOMMU of no guest', ['doctor', '--viommu'], /--viommu .*--guest-memory/],
    ['no devices', ['doctor', '--guest-memory', '4G', '--devices', '0'], /--devices 0 is below 1/],
  ])('%s: %j is a usage error', async (_what, words, says) => {
    expect(await hostOf({}).on(['--mock', ...words])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(says),
    })
  })

  test.each(['demo', 'gpu-host', 'a40-host', 'blackwell', 'arc-pro', 'instinct', 'mainframe'])(
    '%s is healthy, in one line',
    async (name) => {
      const { status, stdout, stderr } = await hostOf({}).on(['doctor', '--mock', name])
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^healthy: looked at IOMMU, .+\n$/)
    },
  )
})
