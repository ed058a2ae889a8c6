// The packages that yargs lays out its help with: a file of its own, which only help loads.
export { default as cliui } from 'cliui'
export { default as stringWidth } from 'string-width'
