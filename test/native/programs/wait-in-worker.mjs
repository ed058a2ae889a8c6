// A Worker waits for a minute for an eventfd that nobody signals: it is terminated, or the process ends, meanwhile.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { openLinux } from '../../../dist/kernel/linux.js'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  await once(worker, 'message')
  await new Promise((resolve) => setTimeout(resolve, 100))
  if (process.argv[3] === 'terminate') await worker.terminate()
  process.stdout.write('ended')
  process.exit()
} else {
  const kernel = openLinux()
  const fds = Int32Array.of(kernel.eventfd(0))
  parentPort.postMessage('waits')
  kernel.waitForEventfd(fds, 0, 60_000, new Float64Array(1))
}
