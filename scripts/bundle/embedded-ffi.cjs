// ffi-rs' object for this processor, in the single executable.
const { embeddedFile, loadEmbedded } = require('../../src/kernel/embedded.ts')
module.exports = loadEmbedded(embeddedFile('ffi-rs.node'))
