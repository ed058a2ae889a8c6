/** `src/base/byte-order.ts` as on s390x: in its place where the mock is a kernel of that order (`test/vitest.config.ts`). */
export const kernelOrder = false

/** A PCI device's order is the same on every machine, and a channel subsystem's is. */
export const deviceOrder = true
export const channelOrder = false
