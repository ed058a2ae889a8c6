import { counted, escaped } from '../../base/units.ts'
import type { Diagnosis } from '../../lifecycle/doctor/diagnose.ts'
import type { Evidence, Finding, Severity } from '../../lifecycle/doctor/reading/finding.ts'
import { paint, type Style } from '../io/paint.ts'

const styles: Readonly<Record<Severity, Style>> = { problem: 'red', warning: 'yellow', note: 'dim' }

/** A block of lines for each finding, with a blank line between two. */
export function findingsText(findings: readonly Finding[]): string {
  return findings.map((finding) => `${blockOf(finding).join('\n')}\n`).join('\n')
}

function blockOf({ id, severity, message, consequence, evidence, commands, advice }: Finding): string[] {
  return [
    `${paint(styles[severity], `${severity}:`)} ${escaped(message)} [${id}]`,
    `  ${escaped(consequence)}`,
    ...evidence.map((one) => `  ${paint('dim', 'seen:')} ${shownEvidence(one)}`),
    ...(advice === null ? [] : [`  ${paint('bold', 'mend:')} ${escaped(advice)}`]),
    ...commands.map((line) => `  ${paint('bold', 'run:')}  ${escaped(line)}`),
  ]
}

function shownEvidence({ path, value }: Evidence): string {
  return `${path}: ${value ?? 'nothing there'}`
}

/** '1 problem, 2 warnings, 3 notes'; '' for no finding. */
export function countsText(findings: readonly Finding[]): string {
  const counts = (['problem', 'warning', 'note'] as const).map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return count === 0 ? '' : counted(count, severity)
  })
  return counts.filter((count) => count !== '').join(', ')
}

/** 'IOMMU, interrupt remapping, …; 0000:3b:00.0, 0000:3b:00.1'. */
export function lookedAtText({ lookedAt, devices }: Diagnosis): string {
  const of = devices.length === 0 ? 'no device is with VFIO or kept for it' : devices.join(', ')
  return `${lookedAt.join(', ')}; ${of}`
}
