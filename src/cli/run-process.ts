import { basename } from 'node:path'
import { processIo } from './io/process-io.ts'
import { run } from './run.ts'

/** This process's own command line; by another name, it is that other tool. */
export async function runProcess(): Promise<void> {
  const [, script = '', ...argv] = process.argv
  const program = basename(script)
  const io = processIo()
  if (program === 'mdevctl' || program === 'lsmdev') {
    const { runMdevctl } = await import('./mdevctl/run-mdevctl.ts')
    process.exitCode = io.statusOf(await runMdevctl(program, argv, io))
  } else {
    process.exitCode = io.statusOf(await run(argv, io))
  }
}
