/** Bytes of a page of memory, as kernels are built: 4 KiB everywhere, 16 or 64 KiB on arm64 too. */
export const pageSizes = [4096, 16384, 65536] as const

/** Bytes of a page of a simulated machine. */
export type PageSize = (typeof pageSizes)[number]

/** What every kernel's pages are multiples of. */
export const smallestPage: PageSize = 4096
