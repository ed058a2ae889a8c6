// Says why no uevent can come here; 'none' where nothing hears them, 'heard' where they come.
import { openHost } from '../../../dist/index.js'

const host = openHost()
try {
  const watch = await host.kernel.watchUevents(() => {})
  watch?.close()
  process.stdout.write(watch === null ? 'none\n' : 'heard\n')
} catch ({ code, message }) {
  process.stdout.write(`${code} ${message}\n`)
}
await host[Symbol.asyncDispose]()
