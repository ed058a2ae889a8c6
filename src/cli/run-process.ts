import { basename } from 'node:path'
import { processIo } from './io/process-io.ts'
import { run } from './run.ts'

/** This process's own command line; by another name, it is that other tool. `program` is how to start it again. */
export async function runProcess(program: readonly string[]): Promise<void> {
  const [, startedAs = '', ...argv] = process.argv
  const name = basename(startedAs)
  const io = processIo(program)
  if (name === 'mdevctl' || name === 'lsmdev') {
    const { runMdevctl } = await import('./mdevctl/run-mdevctl.ts')
    process.exitCode = io.statusOf(await runMdevctl(name, argv, io))
  } else {
    process.exitCode = io.statusOf(await run(argv, io))
  }
}
