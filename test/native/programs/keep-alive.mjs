// Says what a watch on an eventfd that nobody signals does to the process's life.
import { load } from './load.mjs'

const addon = load(process.argv[2])
const watch = new addon.Watch(addon.eventfd(0), () => {})
const mode = process.argv[3]
if (mode === 'unref') watch.unref()
if (mode === 'close') watch.close()
if (mode === 'ref') {
  watch.unref()
  watch.ref()
}
setTimeout(() => {
  process.exitCode = 7
  watch.close()
}, 300).unref()
