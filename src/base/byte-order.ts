/**
 * The byte order in which this machine's kernel reads and writes the numbers of its structs, an eventfd's counter and a
 * descriptor's number: as DataView takes it, true for little-endian. s390x is big-endian.
 */
export const kernelOrder: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/**
 * The byte order of what a PCI device has in its configuration space and its registers: little-endian on every machine.
 */
export const deviceOrder = true

/** The byte order of what a channel subsystem reads and writes: channel programs and its status. Always big-endian. */
export const channelOrder = false
