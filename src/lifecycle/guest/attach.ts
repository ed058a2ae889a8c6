import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { nameFault, printable } from '../../base/units.ts'
import type { Kernel, ProgramEnd } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { shownEnd } from '../change/program-end.ts'
import { type LibvirtHostdev, type LibvirtOptions, type LibvirtXml, libvirtXml } from './libvirt-xml.ts'

/** A domain of libvirt's, and the state of it that devices are attached to. */
export interface AttachRequest extends LibvirtOptions {
  /** Its name, UUID or number, as `virsh` takes it. */
  readonly domain: string
  /** The running domain. Neither said, it is virsh's choice: the running one, or else what is kept. */
  readonly live?: boolean
  /** The definition that is kept for its next start. */
  readonly config?: boolean
  /** Says the programs that would be run, and runs none. */
  readonly dryRun?: boolean
}

/** Devices attached to a domain, one after the other. */
export interface Attached extends LibvirtXml {
  readonly domain: string
  readonly dryRun: boolean
  readonly steps: readonly Extract<Step, { action: 'run' }>[]
}

const program = '/usr/bin/virsh'
/** libvirt waits for QEMU, which resets a device and maps all of the guest's memory for it. */
const timeoutMs = 120_000

/**
 * Attaches devices to a domain by `virsh attach-device`. Throws as `libvirtXml` does, INVALID_ARGUMENT for a domain
 * that can be none, NOT_SUPPORTED if there is no virsh, TIMED_OUT, and SYSTEM_CALL_FAILED with virsh's own words; the
 * facts of an error have the devices that were attached before.
 */
export async function attachToDomain(
  kernel: Kernel,
  names: readonly string[],
  request: AttachRequest,
): Promise<Attached> {
  const { domain, dryRun = false } = request
  const made = libvirtXml(kernel.files, names, request)
  const step = attachStep(request)
  const attached: string[] = []
  if (!dryRun) {
    for (const hostdev of made.hostdevs) {
      await attach(kernel, domain, step, hostdev, attached)
      attached.push(hostdev.device)
    }
  }
  return { ...made, domain, dryRun, steps: made.hostdevs.map(() => step) }
}

function attachStep({ domain, live, config }: AttachRequest): Extract<Step, { action: 'run' }> {
  const fault = nameFault(domain)
  if (fault !== null) {
    throw new VfioError('INVALID_ARGUMENT', `the domain's name '${printable(domain)}' ${fault}`, {
      hint: 'virsh list --all',
    })
  }
  const states = [...(live === true ? ['--live'] : []), ...(config === true ? ['--config'] : [])]
  // `=`, so that no name is an option of virsh's
  return {
    action: 'run',
    path: program,
    arguments: ['attach-device', `--domain=${domain}`, '--file=/dev/stdin', ...states],
  }
}

async function attach(
  kernel: Kernel,
  domain: string,
  step: Extract<Step, { action: 'run' }>,
  { device, xml }: LibvirtHostdev,
  attached: readonly string[],
): Promise<void> {
  const facts = { device, domain, attached: [...attached] }
  const end = await run(kernel, step, `${xml}\n`, facts)
  if (end.status === 0) return
  const before = attached.length === 0 ? '' : `; attached before: ${attached.join(', ')}`
  throw new VfioError(
    end.timedOut ? 'TIMED_OUT' : 'SYSTEM_CALL_FAILED',
    `cannot attach ${device} to ${domain}: virsh ${shownEnd(end, timeoutMs)}${before}`,
    { path: program, hint: `vfioctl libvirt ${device}, virsh dumpxml ${domain}`, facts },
  )
}

async function run(
  kernel: Kernel,
  step: Extract<Step, { action: 'run' }>,
  input: string,
  facts: Readonly<Record<string, string | string[]>>,
): Promise<ProgramEnd> {
  try {
    return await kernel.runProgram(step.path, { arguments: step.arguments, input, timeoutMs, endsWithUs: true })
  } catch (cause) {
    const isMissing = failedWith(cause, 'ENOENT')
    const isOther = !kernel.runsPrograms
    throw new VfioError(
      isMissing || isOther ? 'NOT_SUPPORTED' : 'SYSTEM_CALL_FAILED',
      `cannot run ${step.path}, which attaches devices: ${kernelAnswer(cause)}`,
      {
        cause,
        path: step.path,
        hint: isOther ? 'on that machine itself: vfioctl libvirt' : 'apt install libvirt-clients, or its like',
        facts,
      },
    )
  }
}
