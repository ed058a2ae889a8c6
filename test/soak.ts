/**
 * The long run, `VFIOCTL_LONG=1 npm test -- unit native contract` (or `vm`): 100,000 hostile inputs for each parser, and
 * enough rounds of everything that is opened and closed to see a leak in bytes. It takes minutes, in the virtual machine
 * some hours, with 10,000 sequences of test/vm/differential for each of two kernels. It says its figures.
 */
export const isSoak: boolean = process.env['VFIOCTL_LONG'] === '1'

/** A figure of the long run, for whoever reads along. */
export function tell(figure: string): void {
  if (isSoak) process.stderr.write(`${figure}\n`)
}
