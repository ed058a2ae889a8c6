import { type Flag, type Option, type OptionalPositional, text } from '../command/command.ts'
import { deviceForms } from './device-argument.ts'

/** `--uuid`: the virtual device. The options here have mdevctl's names. */
export const uuid: Option<string> = {
  kind: 'option',
  alias: 'u',
  value: 'UUID',
  completes: 'device',
  parse: text,
  describe: 'the device',
}

/** `--parent`: where the device is made. */
export const parent: Option<string> = {
  kind: 'option',
  alias: 'p',
  value: 'PARENT',
  completes: 'parent',
  parse: text,
  describe: 'the card that offers it: a PCI address or name',
}

/** `--type`: by identifier or name. */
export const type: Option<string> = {
  kind: 'option',
  alias: 't',
  value: 'TYPE',
  completes: 'type',
  parse: text,
  describe: 'the type by its id or its name',
}

/** `--auto`: start the device at boot. */
export const auto: Flag = {
  kind: 'flag',
  alias: 'a',
  describe: 'Start it whenever its parent appears',
}
/** `--manual`: leave the device stopped at boot. */
export const manual: Flag = { kind: 'flag', alias: 'm', describe: 'Start it only on demand' }

/** `--jsonfile`: a definition as mdevctl writes it. */
export const jsonFile: Option<string> = {
  kind: 'option',
  value: 'FILE',
  completes: 'file',
  parse: text,
  describe: 'a definition as mdevctl writes it; - is stdin',
}

/** The positional DEVICE of commands about a virtual device; absent if the parent says enough. */
export const device: OptionalPositional<string> = {
  kind: 'optional',
  completes: 'device',
  parse: text,
  describe: deviceForms,
}

/** `--force`: change it although that disturbs what runs. */
export const force: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Continue even if this host has no such parent or type now, or a vendor callout refuses',
}

/** `--force`: go on although a callout script refuses. */
export const overrule: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Continue even if a vendor callout refuses',
}
