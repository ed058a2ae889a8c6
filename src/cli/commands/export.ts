import { given } from '../arguments/change-options.ts'
import { namedParent } from '../arguments/device-argument.ts'
import { type Command, command } from '../command/command.ts'
import { json, reportWarnings } from '../output/output.ts'

/** Beyond that, a number says enough. */
const mostNamed = 8

const exportCommand: Command = command({
  arguments: {
    only: {
      kind: 'option',
      value: 'PARENT,…',
      completes: 'parent',
      parse: (names) => names.split(',').filter((name) => name !== ''),
      describe: 'Only these parents or cards, with what they carry and the drivers of their functions',
    },
    adopt: {
      kind: 'flag',
      describe:
        'Also what is on the host and nobody keeps: devices that run without a definition, virtual functions, VFIO’s drivers, and driverctl’s overrides; apply of the file then keeps it',
    },
  },
  examples: [
    ['vfioctl export > host.yaml', 'what is kept of this host, as a spec file'],
    ['vfioctl export --only 41:00.0 > card.yaml', 'one card, with what it carries'],
    [
      'vfioctl export --adopt > host.yaml',
      'also what was set up by hand or by driverctl, which apply of the file then keeps',
    ],
    ['vfioctl export --json', 'the same as JSON, which is a spec file too'],
  ],
  epilogue:
    'On this host, a plan of the file has nothing to do, or, with --adopt, only to keep what is there. What cannot go ' +
    'into the file is said on stderr: what is kept for a device that is not there, or a device that is to start on demand.',
  async run({ only, adopt }, context, io) {
    const host = await context.host()
    const parents =
      only && (await Promise.all(only.map((name) => namedParent(name, context)))).flatMap((it) => it ?? [])
    const { spec, text, notKept, warnings } = await host.export({ adopt, ...given({ only: parents }) })
    io.out(context.options.json ? json(spec) : text)
    reportWarnings(warnings, io)
    if (notKept.length === 0) return
    const named = notKept.slice(0, mostNamed).join('; ')
    const more = notKept.length > mostNamed ? `; and ${notKept.length - mostNamed} more` : ''
    io.err(`on this host, but not kept and not in the file: ${named}${more}; vfioctl export --adopt takes it in\n`)
  },
})
export default exportCommand
