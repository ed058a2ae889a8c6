// A value that a watch's callback throws is an uncaught exception, whatever it is; the watch goes on.
import { load } from './load.mjs'

const addon = load(process.argv[2])
const fd = addon.eventfd(1)
const thrown = [new Error('an error'), 'a string', undefined, null]
const caught = []
const watch = new addon.Watch(fd, () => {
  if (thrown.length > 0) throw thrown.shift()
  watch.close()
})
process.on('uncaughtException', (error) => caught.push(error instanceof Error ? error.message : String(error)))
process.on('exit', () => process.stdout.write(JSON.stringify(caught)))
