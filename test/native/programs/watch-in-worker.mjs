// Watches a host and asks for uevents in Workers, which end by themselves or are terminated.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { openHost } from '../../../dist/index.js'

if (isMainThread) {
  for (const end of ['terminate', 'close', 'terminate', 'close']) {
    const worker = new Worker(new URL(import.meta.url))
    const [told] = await once(worker, 'message')
    process.stdout.write(`${told} `)
    if (end === 'terminate') await worker.terminate()
    else {
      worker.postMessage('close')
      await once(worker, 'exit')
    }
  }
} else {
  const host = openHost({ root: process.env.HOST_ROOT })
  const changes = host.watch()
  const { value } = await changes.next()
  const watch = await openHost().kernel.watchUevents(() => {})
  parentPort.postMessage(`${value.what} ${watch}`)
  parentPort.once('message', async () => {
    await changes.return()
    await host[Symbol.asyncDispose]()
  })
}
