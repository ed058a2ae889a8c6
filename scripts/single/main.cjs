// The single executable's main script. Node keeps compiled code of this one file as it is before it ran; the rest is in a
// pack of chunks (pack-chunks.cjs), each with what V8 compiled of it while commands ran.
const { getRawAsset } = require('node:sea')
const { Script } = require('node:vm')

const pack = Buffer.from(getRawAsset('chunks'))
const indexEnd = 4 + pack.readUInt32LE(0)
const index = JSON.parse(pack.latin1Slice(4, indexEnd))
const loaded = Object.create(null)

/** A chunk by its name as the others say it; else a module of Node's. */
function load(id) {
  const filename = id.replace(/^\.\//, '')
  const place = index[filename]
  if (place === undefined) return require(id)
  const before = loaded[filename]
  if (before !== undefined) return before.exports
  const [start, codeStart, end] = place.map((offset) => indexEnd + offset)
  const cachedData = pack.subarray(codeStart, end)
  const script = new Script(pack.latin1Slice(start, codeStart), { filename, cachedData })
  const module = { exports: {} }
  loaded[filename] = module
  script.runInThisContext()(module.exports, load, module, filename, '/')
  return module.exports
}

load('vfioctl.cjs')
