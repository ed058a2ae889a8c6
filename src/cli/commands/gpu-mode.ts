import { VfioError } from '../../base/errors.ts'
import type { GpuModesNow } from '../../lifecycle/gpu-modes/set-gpu-modes.ts'
import { type MigInstances, modesInWords } from '../../lifecycle/settings/gpu-modes.ts'
import { given } from '../arguments/change-options.ts'
import { dryRun } from '../arguments/global-options.ts'
import { findPciDevice } from '../arguments/pci-device.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { json } from '../output/output.ts'
import { reportDryRun } from '../output/report-change.ts'

const gpuMode: Command = command({
  arguments: {
    device: {
      kind: 'optional',
      completes: 'host device',
      parse: text,
      describe: 'the GPU: its PCI address',
    },
    mig: {
      kind: 'option',
      value: 'LAYOUT',
      completes: ['off'],
      parse: parseLayout,
      describe: 'Cut it into GPU instances (MIG), in this order: PROFILE[=COUNT],…; or off',
    },
    heterogeneous: {
      kind: 'option',
      value: 'on|off',
      completes: ['on', 'off'],
      parse: parseSwitch,
      describe: 'vGPUs of several framebuffer sizes beside each other',
    },
    forget: { kind: 'flag', describe: 'Forget what is kept for its boots, and change nothing now' },
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl gpu-mode 41:00.0', 'its modes now, and those that are kept for its boots'],
    ['vfioctl gpu-mode 41:00.0 --heterogeneous on', 'vGPUs of mixed sizes, now and at every boot'],
    ['vfioctl gpu-mode 41:00.0 --mig 2g.48gb+gfx,1g.24gb+gfx=2', 'one half and two quarters of the GPU'],
    ['vfioctl gpu-mode 41:00.0 --mig off', 'the GPU whole again'],
  ],
  async run({ device, mig, heterogeneous, forget, 'dry-run': isDry }, context, io) {
    if (device === undefined) {
      throw usageError('which GPU?', 'vfioctl gpu-mode ADDRESS; `vfioctl sriov` shows those with virtual functions')
    }
    const host = await context.host()
    const address = findPciDevice(host.kernel.files, device)
    const asked = given({ mig, heterogeneous })
    const isChange = Object.keys(asked).length > 0
    if (forget && isChange) {
      throw new VfioError('INVALID_ARGUMENT', '--forget changes no mode: give it without --mig and --heterogeneous', {
        hint: 'vfioctl gpu-mode --help',
      })
    }
    if (!forget && !isChange) {
      const now = await host.gpuModes(address)
      io.out(context.options.json ? json(now) : shownModes(now))
      return
    }
    const said = (line: string) => io.err(`${line}\n`)
    const options = { dryRun: isDry, signal: io.interruption(), onMessage: said }
    const change = forget
      ? await host.forgetGpuModes(address, options)
      : await host.setGpuModes({ device: address, ...asked }, options)
    const already = forget
      ? `nothing is kept of the modes of ${address}`
      : `already so: ${modesInWords(asked).join(', ')}`
    if (context.options.json) io.out(json(change))
    else if (isDry) reportDryRun([change], io, () => already)
    else if (!change.changed) io.err(`${already}\n`)
    else if (forget) io.err(`the modes kept for ${address} are forgotten\n`)
    else {
      const when = host.kernel.runsPrograms ? 'now and at every boot' : 'from its next boot on'
      io.err(`${address}: ${modesInWords(asked).join(', ')}, ${when}\n`)
    }
  },
})
export default gpuMode

/** '2g.48gb+gfx,1g.24gb+gfx=2', or 'off'. */
function parseLayout(layout: string): MigInstances[] {
  if (layout === 'off') return []
  return layout.split(',').map((entry) => {
    const [, profile, count = '1'] = /^((?:\d{1,2}g\.)?[0-9a-z+.-]{1,40})(?:=([1-9]\d?))?$/.exec(entry) ?? []
    if (profile === undefined || !/^\d/.test(profile)) {
      throw new VfioError('INVALID_ARGUMENT', `--mig must be PROFILE[=COUNT],… or off, not '${layout}'`, {
        hint: 'nvidia-smi mig -lgip lists the profiles: 1g.24gb+gfx=4',
      })
    }
    return { profile, count: Number(count) }
  })
}

function parseSwitch(word: string): boolean {
  if (word === 'on' || word === 'off') return word === 'on'
  throw new VfioError('INVALID_ARGUMENT', `--heterogeneous must be on or off, not '${word}'`)
}

function shownModes({ device, mig, heterogeneous, canMixSizes, instances, kept, hostMode }: GpuModesNow): string {
  const onOff = (mode: boolean) => (mode ? 'on' : 'off')
  const waits = mig !== null && mig.pending !== mig.current ? `, ${onOff(mig.pending)} once nothing uses the card` : ''
  const cut = instances.map(({ id, profile }) => `${profile} (${id})`).join(', ')
  const sizes = heterogeneous === null ? (canMixSizes ? 'not in MIG mode' : 'not possible') : onOff(heterogeneous)
  return [
    `${device}`,
    `  host mode      ${hostMode ?? 'no vGPUs'}`,
    `  MIG            ${mig === null ? 'not possible' : `${onOff(mig.current)}${waits}`}`,
    ...(mig?.current === true ? [`  GPU instances  ${cut === '' ? 'none' : cut}`] : []),
    `  mixed sizes    ${sizes}`,
    `  kept           ${kept === null ? 'nothing' : modesInWords(kept).join(', ')}`,
    '',
  ].join('\n')
}
