// npm run vm -- [OPTIONS] COMMAND [ARGS…]: runs a command in the virtual machine, in this folder, as root.
import { parseArgs } from 'node:util'
import { runInGuest } from './guest.mjs'
import { defaultKernel, kernels } from './kernels.mjs'

const usage = `usage: npm run vm -- [OPTIONS] COMMAND [ARGS...]
  --kernel NAME      ${Object.keys(kernels).join(', ')} (default ${defaultKernel})
  --device DEVICE    one more device, in QEMU's words; can be repeated
  --no-iommu         a machine without an IOMMU, and VFIO's noiommu mode allowed
  --timeout SECONDS  end the machine after this long, with exit status 124 (default 300)
  --console          show the kernel's console on stderr`

/** Options end at the first word that is none: the rest is the command's. */
function parseCommandLine() {
  const words = process.argv.slice(2)
  const { tokens } = parseArgs({ args: words, options, allowPositionals: true, strict: false, tokens: true })
  const first = tokens.find((it) => it.kind !== 'option')
  const end = first?.index ?? words.length
  const { values } = parseArgs({ args: words.slice(0, end), options })
  const command = words.slice(first?.kind === 'option-terminator' ? end + 1 : end)
  return { ...values, timeout: Number(values.timeout), command }
}

const options = /** @type {const} */ ({
  kernel: { type: 'string', default: defaultKernel },
  device: { type: 'string', multiple: true, default: [] },
  'no-iommu': { type: 'boolean', default: false },
  timeout: { type: 'string', default: '300' },
  console: { type: 'boolean', default: false },
})

async function main() {
  const { kernel, device, 'no-iommu': noIommu, timeout, console: showConsole, command } = parseCommandLine()
  if (command.length === 0 || !(timeout > 0)) {
    console.error(usage)
    return 2
  }
  const result = await runInGuest({ command, kernel, devices: device, iommu: !noIommu, timeout, showConsole })
  if (result.status !== undefined) return result.status
  const what = result.timedOut ? `ended after ${timeout} s (--timeout)` : 'ended before the command did'
  console.error(`vm: the machine was ${what}`)
  if (!showConsole) console.error(`its console:\n${result.console}`)
  return result.timedOut ? 124 : 125
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`vm: ${error.message}`)
  process.exitCode = error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 125
}
