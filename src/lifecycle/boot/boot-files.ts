import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { buses } from '../../host/bus/bus.ts'
import { sandbox } from './sandbox.ts'

/** This program's command line, in absolute paths: Node and the script, or the single executable. */
export type Program = readonly string[]

/** The first line of every file of ours: what lacks it belongs to somebody else. */
export const mark = '# Written by `vfioctl boot install`; `vfioctl boot remove` takes it away.'

/** A file that makes `vfioctl` run at boot. */
export interface BootFile {
  readonly folder: string
  readonly name: string
  /** Absent if only its place is asked for. */
  readonly content: string
}

/** Paths of the programs that the rule runs on that host: udev takes no bare names. */
export interface HostTools {
  readonly systemctl: string
  readonly mkdir: string
}

/** The files that bring defined devices up at boot, and later as their parents appear. */
export function bootFiles(program: Program, tools: HostTools): BootFile[] {
  const command = commandLine(program)
  const units = '/etc/systemd/system'
  return [
    { folder: units, name: 'vfioctl-restore.service', content: atBoot(command, program) },
    { folder: units, name: 'vfioctl-restore@.service', content: ofOneParent(command, program) },
    { folder: units, name: 'vfioctl-restore@.path', content: arrival },
    { folder: `${units}/multi-user.target.d`, name: 'vfioctl-restore.conf', content: wants },
    { folder: '/etc/udev/rules.d', name: '61-vfioctl.rules', content: rules(command, tools) },
  ]
}

/**
 * The files of a distribution's package in place of those: the same in /usr/lib, which systemd and udev search after
 * /etc, with an [Install] section for `systemctl enable`.
 */
export function packagedFiles(program: Program, tools: HostTools): BootFile[] {
  const install = '\n[Install]\nWantedBy=multi-user.target\n'
  return bootFiles(program, tools)
    .filter(({ folder }) => !folder.endsWith('.target.d'))
    .map(({ folder, name, content }) => ({
      folder: folder.replace('/etc/', '/usr/lib/'),
      name,
      content: content.replace(mark, packagedMark) + (name === 'vfioctl-restore.service' ? install : ''),
    }))
}

const packagedMark = '# Of the package vfioctl: `vfioctl boot install` needs nothing else where it is.'

function atBoot(command: string, program: Program): string {
  return `${mark}
[Unit]
Description=Start the virtual devices that are defined to start by themselves
# NVIDIA's own services have to run before a vGPU can be made; whoever gives devices to machines comes after them.
After=systemd-modules-load.service nvidia-vgpud.service nvidia-vgpu-mgr.service
Before=libvirtd.service virtqemud.service virtnodedevd.service
RequiresMountsFor=${program.join(' ')}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${command} restore
${sandbox}`
}

function ofOneParent(command: string, program: Program): string {
  return `${mark}
[Unit]
Description=Start the virtual devices that are defined on %i
RequiresMountsFor=${program.join(' ')}
# As often as something comes; yet not without end if the mark cannot be taken away.
StartLimitIntervalSec=60
StartLimitBurst=60

[Service]
Type=oneshot
# Before it looks at the parent: what comes from now on marks it anew, and has this started again.
ExecStartPre=-rmdir ${arrived}/%i
ExecStart=${command} restore --parent %i --timeout 10
${sandbox}`
}

/** Below it a folder stands for each parent that came, until somebody looks. */
const arrived = '/run/vfioctl/arrived'

/**
 * Starts the unit above, and once more when that ends if its parent came again meanwhile: a `systemctl start` of a unit
 * that is just ending would count for the start that was.
 */
const arrival = `${mark}
[Unit]
Description=Have the virtual devices started that are defined on %i

[Path]
PathExists=${arrived}/%i
`

/** In place of an [Install] section, whose symlinks `systemctl enable` would have to make. */
const wants = `${mark}
[Unit]
Wants=vfioctl-restore.service
`

/** Buses beside PCI on which a driver can be kept for a device. */
const others = buses
  .filter(({ name, hasOverride }) => hasOverride && name !== 'pci')
  .map(({ name }) => name)
  .join('|')

/**
 * A device that appears, for the driver that it is to have, which is kept for one that is not on the PCI bus by its bus
 * and name, if a unit's name can have that; a card that has its driver, for virtual functions;
 * and a device that has become a parent of mediated ones. What `udevadm trigger` tells again is passed over: what an
 * admin has stopped would come back.
 */
function rules(command: string, { systemctl, mkdir }: HostTools): string {
  return `${mark}
ENV{.VFIOCTL}="$kernel"
ACTION=="add", SUBSYSTEM=="pci", ENV{SYNTH_UUID}!="?*", TEST=="/etc/vfioctl.d/bindings/$kernel.json", GOTO="vfioctl_restore"
ACTION=="add", SUBSYSTEM=="${others}", ENV{SYNTH_UUID}!="?*", KERNEL!="*[!0-9A-Za-z:._-]*", TEST=="/etc/vfioctl.d/bindings/$env{SUBSYSTEM}-$kernel.json", ENV{.VFIOCTL}="$env{SUBSYSTEM}-$kernel", GOTO="vfioctl_restore"
ACTION=="bind", SUBSYSTEM=="pci", TEST=="/etc/vfioctl.d/sriov/$kernel.json", GOTO="vfioctl_restore"
ACTION=="change", ENV{MDEV_STATE}=="registered", TEST=="/etc/mdevctl.d/$kernel", GOTO="vfioctl_restore"
GOTO="vfioctl_end"
LABEL="vfioctl_restore"
# A unit's work, where there are units: it may wait for what is to come, while udev holds back the device's next events
# until its programs have ended, and ends them after a time. They may not make code either: Node would need --jitless.
TEST=="/run/systemd/system", RUN+="${mkdir} -p ${arrived}/$env{.VFIOCTL}"
TEST=="/run/systemd/system", RUN+="${systemctl} --no-block start vfioctl-restore@$env{.VFIOCTL}.path"
TEST!="/run/systemd/system", RUN+="${command} restore --parent $env{.VFIOCTL} --timeout 10"
LABEL="vfioctl_end"
`
}

/** systemd and udev each have characters of their own: a path that needs none of their quotes is the same to both. */
function commandLine(program: Program): string {
  const odd = program.find((path) => !/^\/[\w./+@:,~-]*$/.test(path))
  if (odd === undefined) return program.join(' ')
  throw new VfioError('INVALID_ARGUMENT', `'${printable(odd)}' cannot stand in a unit and a udev rule`, {
    path: odd,
    hint: 'install vfioctl at a path of letters, digits and ./+@:,~-_, such as npm install -g has it',
  })
}
