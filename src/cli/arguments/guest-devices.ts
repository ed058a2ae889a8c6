import { type Flag, type RequiredPositional, type Rest, text } from '../command/command.ts'
import { deviceForms } from './device-argument.ts'

/** The positionals DEVICE… of commands that give devices to a guest. */
export const guestDevices: { readonly device: RequiredPositional<string>; readonly more: Rest<string> } = {
  device: {
    kind: 'required',
    completes: 'vfio device',
    parse: text,
    describe: `${deviceForms}; 3b:00.* is all functions`,
  },
  more: { kind: 'rest', completes: 'vfio device', parse: text, describe: 'further devices for the same guest' },
}

/** `--iommufd`. */
export const byIommufd: Flag = {
  kind: 'flag',
  describe: 'Open the devices by iommufd and their own nodes (Linux 6.6), instead of by IOMMU groups',
}
