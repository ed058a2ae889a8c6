import { checkRoom } from '../../lifecycle/plan/room.ts'
import { itemsOf } from '../../lifecycle/wanted/plan.ts'
import { config, readSpec, specExample, specFile } from '../arguments/spec-file.ts'
import { type Command, command } from '../command/command.ts'
import { json, reportWarnings } from '../output/output.ts'
import { planSteps, planSummary, planTable, sayIfScriptsAreNotAsked } from '../output/plan-text.ts'

const plan: Command = command({
  arguments: {
    file: specFile,
    config,
    'dry-run': { kind: 'flag', describe: 'Print the exact writes' },
  },
  examples: [
    ['vfioctl plan vgpus.yaml', 'the action for each device, and its reason'],
    ['vfioctl plan vgpus.yaml --dry-run', 'the writes that apply would make'],
  ],
  epilogue: specExample,
  async run(values, context, io) {
    const spec = readSpec(values.file, values.config, io)
    const host = await context.host()
    const found = await host.plan(...spec)
    if (context.options.json) {
      io.out(json(found))
      checkRoom(found)
      return
    }
    reportWarnings(found.warnings, io)
    if (values['dry-run']) {
      io.out(planSteps(found))
      sayIfScriptsAreNotAsked(host.kernel, found, io)
    } else if (itemsOf(found).length > 0) io.out(planTable(found, io.width() !== null))
    io.err(`${planSummary(found)}\n`)
    checkRoom(found)
  },
})
export default plan
