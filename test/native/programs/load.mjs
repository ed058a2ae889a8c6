// The addon named by the first argument, as these programs and their Workers load it.
export function load(path) {
  const module = { exports: {} }
  process.dlopen(module, path)
  return module.exports
}

/** PROT_READ | PROT_WRITE, as the addon's Mapping takes it. */
export const readWrite = 3
