// Only Workers load the addon; each is terminated with an active watch, a watch that is closing, memory and its view.
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { load, readWrite } from './load.mjs'

async function terminateOne(addon) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: addon })
  const [message] = await once(worker, 'message')
  if (message !== 'ready') throw new Error(`the worker said ${message}`)
  await worker.terminate()
}

function work(addon) {
  const memory = new addon.Mapping(8192, readWrite, 'anonymous')
  const view = memory.view()
  let calls = 0
  const fds = [addon.eventfd(1), addon.eventfd(1), addon.eventfd(0)]
  const watches = fds.map(
    (fd) =>
      new addon.Watch(fd, () => {
        view[0] = calls++
        if (calls === 5) {
          watches[1].close()
          parentPort.postMessage('ready')
        }
      }),
  )
}

if (isMainThread) {
  const rounds = Number(process.argv[3])
  for (let i = 0; i < rounds; i += 2) {
    await Promise.all([terminateOne(process.argv[2]), terminateOne(process.argv[2])])
  }
  process.stdout.write(`${rounds} ended`)
} else {
  work(load(workerData))
}
