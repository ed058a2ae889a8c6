import { spawn } from 'node:child_process'
import { isatty } from 'node:tty'

/** Shows a page by man(1) and its pager, as `Io.showPage` says. */
export function showPage(path: string, where: 'terminal' | 'anywhere'): Promise<boolean> {
  if (where === 'terminal' && !isatty(1)) return Promise.resolve(false)
  // Ctrl-C in a pager is the pager's
  const ignore = () => {}
  process.on('SIGINT', ignore)
  return new Promise<boolean>((resolve) => {
    const man = spawn('man', [path], { stdio: 'inherit' })
    man.on('error', () => resolve(false))
    man.on('close', (status) => resolve(status === null || status === 0))
  }).finally(() => process.off('SIGINT', ignore))
}
