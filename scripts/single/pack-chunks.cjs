// node --random-seed=1 pack-chunks.cjs CHUNKS PACK ROOT, by the Node that the executable will be: runs `list` of
// the bundle in CHUNKS on the host in ROOT, and writes each chunk and what V8 compiled of it meanwhile to PACK. The seed,
// which V8 does not count among the flags that such code depends on, has two runs give the same bytes. So has that V8's baseline
// compiler rests: which functions it is about to take up would be in there. That flag counts, and is taken back before.
const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { setFlagsFromString } = require('node:v8')
const { Script } = require('node:vm')

setFlagsFromString('--no-sparkplug')
const [folder, packFile, root] = process.argv.slice(2)

const chunks = new Map(
  readdirSync(folder)
    .sort()
    .map((filename) => {
      const code = readFileSync(join(folder, filename), 'latin1').replace(/^#!.*/, '')
      const text = `(function(exports,require,module,__filename,__dirname){${code}\n})`
      return [filename, { text, script: new Script(text, { filename }), module: null }]
    }),
)

function load(id) {
  const filename = id.replace(/^\.\//, '')
  const chunk = chunks.get(filename)
  if (chunk === undefined) return require(id)
  if (chunk.module === null) {
    chunk.module = { exports: {} }
    chunk.script.runInThisContext()(chunk.module.exports, load, chunk.module, filename, '/')
  }
  return chunk.module.exports
}

/** Writes what there is by now. */
function pack() {
  setFlagsFromString('--sparkplug')
  const parts = []
  const index = {}
  let at = 0
  for (const [filename, { text, script }] of chunks) {
    const [source, code] = [Buffer.from(text, 'latin1'), script.createCachedData()]
    index[filename] = [at, at + source.length, at + source.length + code.length]
    at += source.length + code.length
    parts.push(source, code)
  }
  const header = Buffer.from(JSON.stringify(index), 'latin1')
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  writeFileSync(packFile, Buffer.concat([length, header, ...parts]))
}

// What is run most often, and is to start fast: what else were compiled here would be read at each start too.
process.argv = [process.execPath, 'vfioctl', 'list', '--json', '--root', root]
process.once('exit', pack)
load('vfioctl.cjs')
