import { pciAddressOrNull, printable, uuidOrNull } from '../../base/units.ts'
import type { Kept } from '../../lifecycle/device/virtual-device-kind.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { type Column, json, reportWarnings, table } from './output.ts'
import { forSameHost } from './same-host.ts'

const columns: readonly Column<Kept>[] = [
  { heading: 'KEPT FOR', cell: (row) => printable(row.device) },
  { heading: 'WHAT', cell: (row) => printable(row.what) },
  { heading: 'NOW', cell: (row) => row.now },
  { heading: 'FORGOTTEN BY', cell: (row) => printable(row.forget) },
]

/** Shows what is kept for the next boots, of one device or of all: it need not be there. */
export async function reportKept(device: string | undefined, context: Context, io: Io): Promise<void> {
  const name = device === undefined ? undefined : (pciAddressOrNull(device) ?? uuidOrNull(device) ?? device)
  const { kept, warnings } = await (await context.host()).boot.kept(name)
  const found = { kept: kept.map((it) => ({ ...it, forget: forSameHost(it.forget, context.givenHost) })), warnings }
  if (context.options.json) {
    io.out(json(found))
    return
  }
  reportWarnings(found.warnings, io)
  if (found.kept.length === 0) io.err('nothing is kept for the next boots\n')
  else io.out(table(found.kept, columns))
}
