import { spawn } from 'node:child_process'
import { program } from './vfioctl.ts'

/** Runs the built command line on a terminal of its own, by util-linux's script, and answers once it asks. */
export function onTerminal(
  args: readonly string[],
  answer: string,
  env: Readonly<Record<string, string>>,
): Promise<{ status: number | null; screen: string }> {
  const { PATH = '', HOME = '' } = process.env
  const line = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH, HOME, TERM: 'dumb', SHELL: '/bin/sh', ...env },
  })
  let screen = ''
  let isAnswered = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    if (isAnswered || !screen.includes('[y/N]')) return
    isAnswered = true
    child.stdin.write(answer)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, screen }))
  })
}
