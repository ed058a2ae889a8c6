// npm run vm -- [OPTIONS] COMMAND [ARGS…]: runs a command in the virtual machine, in this folder, as root.
import { architectures } from './architectures.mjs'
import { runInGuest } from './guest.mjs'
import { defaultKernels, kernelName, kernels } from './kernels.mjs'
import { leadingOptions } from './leading-options.mjs'

const iommus = Object.entries(architectures)
  .map(([arch, it]) => `${arch}: ${Object.keys(it.iommus).join(', ')}`)
  .join('; ')

const usage = `usage: npm run vm -- [OPTIONS] COMMAND [ARGS...]
  --arch NAME        ${Object.keys(defaultKernels).join(', ')} (default x64)
  --kernel NAME      ${Object.keys(kernels).join(', ')} (default ${Object.values(defaultKernels).join(', ')})
  --device DEVICE    one more device, in QEMU's words; can be repeated
  --iommu NAME       ${iommus} (default: the first); "none" allows VFIO's noiommu mode
  --systemd          boot systemd, which runs the command beside its other services
  --timeout SECONDS  end the machine after this long, with exit status 124 (default 300)
  --console          show the kernel's console on stderr`

const options = /** @type {const} */ ({
  arch: { type: 'string', default: 'x64' },
  kernel: { type: 'string' },
  device: { type: 'string', multiple: true, default: [] },
  iommu: { type: 'string' },
  systemd: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '300' },
  console: { type: 'boolean', default: false },
})

async function main() {
  const { values, rest: command } = leadingOptions(process.argv.slice(2), options)
  const { device, iommu, systemd, console: showConsole } = values
  const kernel = kernelName(values.arch, values.kernel)
  const timeout = Number(values.timeout)
  if (command.length === 0 || !(timeout > 0)) {
    console.error(usage)
    return 2
  }
  const result = await runInGuest({ command, kernel, devices: device, iommu, systemd, timeout, showConsole })
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
