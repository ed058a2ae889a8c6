import { given } from '../arguments/change-options.ts'
import { dryRun } from '../arguments/global-options.ts'
import { bindable, bindingOptions, findBindable, forceTaking, wholeGroup } from '../arguments/pci-device.ts'
import { givenSettings, settingOptions } from '../arguments/pci-settings.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { changed, reportBindings } from '../output/report-bindings.ts'

const settingsEpilogue = `\
Power, resets and BAR sizes are set with the binding, and kept with it: at every boot, BARs are resized before the driver
has the device. \`vfioctl inspect\` shows them. \`default\` brings one of them back to what it was before it was set, and
\`vfioctl release\` all of them, those of --transient too. With --group, the rest of the group gets the same --power and
--d3cold.`

const bind: Command = command({
  arguments: {
    device: bindable,
    driver: {
      kind: 'optional',
      completes: 'driver',
      parse: text,
      describe:
        'the driver’s name, none for no driver, or best: VFIO’s best driver for it, such as vfio-pci (default: best, or, with settings alone, what is kept)',
    },
    group: wholeGroup,
    ...settingOptions,
    transient: { kind: 'flag', describe: 'Only until the next boot: keep nothing for it' },
    'next-boot': {
      kind: 'flag',
      describe:
        'From the next boot on: until then it stays with the driver that it has, although processes have it open',
    },
    early: {
      kind: 'flag',
      describe:
        'At every boot before any other driver sees it: a udev rule, and the initramfs made anew with it. ' +
        'vfioctl.early=0 on the kernel’s command line leaves that out of one boot',
    },
    'no-early': { kind: 'flag', describe: 'No longer so' },
    'release-framebuffer': {
      kind: 'flag',
      describe:
        'The host lets go of its screen on it first, now and at every boot: the firmware’s framebuffer, and the console',
    },
    force: forceTaking,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl bind 3b:00.0', 'to vfio-pci, or to a driver that VFIO has for just such devices, now and at every boot'],
    ['vfioctl bind 3b:00.0 vfio-pci', 'to vfio-pci, whatever else there is'],
    ['vfioctl bind 3b:00.0 --group', 'and the rest of its IOMMU group, as VFIO takes all or nothing'],
    ['vfioctl bind 3b:00.0 none', 'no driver may have it, now and at every boot'],
    ['vfioctl bind css/0.0.0313', 'an I/O subchannel to vfio_ccw, which makes a parent of it'],
    ['vfioctl bind 3b:00.0 --early', 'at boot before its own driver sees it, of two cards of one kind this one'],
    ['vfioctl bind 3b:00.0 --early --next-boot', 'the same of a GPU that shows the desktop until the next boot'],
    ['vfioctl bind 3b:00.0 --power on --d3cold off', 'and keep it awake: some cards do not come back from D3cold'],
    ['vfioctl bind 3b:00.0 --bars 1=16G --reset-methods bus', 'and resize its BAR 1, and reset it by its bus alone'],
    ['vfioctl bind 3b:00.0 --reset-methods default', 'and take its resets back alone, to what they were before'],
    ['vfioctl bind 3b:00.0 --release-framebuffer', 'although the host shows its console on it'],
    ['vfioctl bind 3b:00.0 --dry-run', 'the writes that it would make'],
  ],
  epilogue: settingsEpilogue,
  async run({ device, driver, group, transient, early, 'no-early': noEarly, ...values }, context, io) {
    if (early && noEarly) throw usageError('--early and --no-early: give one of them', 'vfioctl bind --help')
    const host = await context.host()
    const wish = early || noEarly ? early : undefined
    const request = {
      device: findBindable(host.kernel.files, device),
      group,
      transient,
      nextBoot: values['next-boot'],
      releaseFramebuffer: values['release-framebuffer'],
      ...given({ driver, early: wish, settings: givenSettings(values) }),
    }
    const changes = await host.bind(request, bindingOptions(values, io))
    await reportBindings(
      changes,
      context,
      io,
      (same) => `already with ${same.to ?? 'no driver'}: ${changed(same)}; nothing to do`,
    )
  },
})
export default bind
