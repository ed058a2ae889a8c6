import { kindOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { noDriver } from '../../bindings/wanted-driver.ts'
import { bindingName, keptBindings } from '../../settings/bindings.ts'
import { bindCommand } from '../reading/bind-command.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader, WantedDevice } from '../reading/host-reader.ts'

/** Devices that have another driver than the one that is kept for them, or than VFIO's if somebody asks for them. */
export function wrongDriver({ files, devices }: HostReader): Finding[] {
  return devices
    .filter(({ wanted, driver, vfio, kept }) => {
      return wanted !== null && driver !== (wanted === noDriver ? null : wanted) && !(kept === null && vfio)
    })
    .filter(({ kept, path }) => kept !== null || !carriesVirtualDevices(files, path))
    .map((device) => findingOf(device, bindCommand(files, device)))
}

/** Its own driver makes mediated devices of it, or vGPUs of its functions. */
function carriesVirtualDevices(files: HostFiles, path: string): boolean {
  return ['mdev_supported_types', 'virtfn0/nvidia'].some((name) => kindOrNone(files, `${path}/${name}`) !== null)
}

function findingOf({ device, name, path, driver, kept, wanted }: WantedDevice, command: string): Finding {
  const has = driver === null ? 'has no driver' : `is with ${driver}`
  const why = kept === null ? 'VFIO has it only with' : 'what is kept for each boot says'
  return {
    id: 'wrong-driver',
    severity: 'problem',
    device: name,
    message: `${name} ${has}; ${why} ${wanted === noDriver ? 'no driver' : wanted}`,
    evidence: [
      seen(`${path}/driver`, driver),
      ...(kept === null ? [] : [seen(keptBindings.path(bindingName(device)), `driver ${kept}`)]),
    ],
    consequence: kept === null ? 'no program can open it through VFIO' : 'who counts on that driver does not find it',
    commands: [command],
    advice: null,
  }
}
