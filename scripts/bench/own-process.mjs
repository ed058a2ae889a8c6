import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * The JSON that a script of this folder prints, run by a Node of its own: nothing before it has filled the heap.
 * @param {string} script
 * @param {{ args?: string[], nodeOptions?: string[], timeoutSeconds: number }} options
 */
export function measureInOwnProcess(script, { args = [], nodeOptions = [], timeoutSeconds }) {
  const command = [...nodeOptions, join(import.meta.dirname, script), ...args]
  const { status, stdout, error } = spawnSync(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: timeoutSeconds * 1000,
  })
  if (error) throw error
  if (status !== 0) throw new Error(`${script} ended with ${status}`)
  return JSON.parse(stdout)
}
