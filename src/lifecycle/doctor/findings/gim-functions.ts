import { gimDriver } from '../../../host/amd-gim.ts'
import { readPhysicalFunctions } from '../../../host/sriov.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { gimLines } from '../../sriov/gim-line.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const parameter = '/sys/module/gim/parameters/vf_num'

/**
 * Numbers of functions that a line of modprobe asks for and that AMD's gim runs without, and GPUs of it that have none.
 */
export function gimFunctions({ files }: HostReader): Finding[] {
  const cards = readPhysicalFunctions(files).functions.filter(({ driver }) => driver === gimDriver)
  if (cards.length === 0) return []
  const running = readOrEmpty(files, parameter).trim()
  const wanted = gimLines(files).at(-1)
  const isOther = wanted !== undefined && wanted.numbers !== running
  const notTaken: Finding[] = !isOther
    ? []
    : [
        {
          id: 'gim-line-not-in-effect',
          severity: 'warning',
          device: null,
          message: `gim is to make functions by vf_num=${wanted.numbers}, and was loaded ${running === '' ? 'without a number' : `with vf_num=${running}`}`,
          evidence: [seen(wanted.place.replace(/:\d+$/, ''), `vf_num=${wanted.numbers}`), seen(parameter, running)],
          consequence: 'its GPUs have other numbers of virtual functions than the line of modprobe says',
          commands: ['modprobe -r gim', 'modprobe gim'],
          advice: 'virtual machines that have its functions must be off; a reboot does it too',
        },
      ]
  const without = cards.filter(({ count }) => count === 0)
  return [
    ...notTaken,
    ...without.map(
      ({ address, total }): Finding => ({
        id: 'gim-made-no-functions',
        severity: 'problem',
        device: address,
        message: `${address} is with gim, which made no virtual functions of it`,
        evidence: [seen(`/sys/bus/pci/devices/${address}/sriov_totalvfs`, String(total)), seen(parameter, running)],
        consequence: 'no virtual machine can have a part of it',
        commands: [`vfioctl sriov ${address} ${total} --modprobe`],
        advice: `if dmesg says that a number exceeds the limit: its firmware allows ${total}`,
      }),
    ),
  ]
}
