// `node --require die-after-write.cjs PROGRAM …` with DIE_AFTER=N in its environment: the process is killed right after
// its N-th change to the host, be it to sysfs, to a file or to a folder.
const fs = require('node:fs')

const places = /^\/(sys|etc|run\/vfioctl)\//
let left = Number(process.env.DIE_AFTER)

function count(target) {
  if (typeof target === 'string' && !places.test(target)) return
  left--
  if (left === 0) process.kill(process.pid, 'SIGKILL')
}

/** Counts the calls of a function whose first argument is a path or a descriptor. */
function counted(name, changes = () => true) {
  const call = fs[name]
  fs[name] = (...args) => {
    const result = call(...args)
    if (changes(...args)) count(args[0])
    return result
  }
}

for (const name of ['writeFileSync', 'renameSync', 'unlinkSync', 'mkdirSync', 'rmdirSync']) counted(name)
counted('openSync', (_, flags) => (flags & fs.constants.O_CREAT) !== 0)

const { open } = fs.promises
fs.promises.open = async (path, ...args) => {
  const handle = await open(path, ...args)
  const write = handle.write.bind(handle)
  handle.write = async (...data) => {
    const result = await write(...data)
    count(path)
    return result
  }
  return handle
}
