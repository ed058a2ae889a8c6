import { processIo } from './process-io.ts'
import { run } from './run.ts'

/** This process's own command line. */
export async function runProcess(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), processIo())
}
