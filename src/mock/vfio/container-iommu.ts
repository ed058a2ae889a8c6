import type { IoctlPointer } from '../../kernel/kernel.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'

/** IOMMU behind a container once VFIO_SET_IOMMU has chosen it: type1, or none (noiommu). */
export interface ContainerIommu {
  /** Null if nothing is translated. */
  readonly mappings: DmaMappings | null
  /** A group that joins the container; throws, and nothing changed, if it cannot. */
  attach(group: object, isBehindIommu: boolean): void
  detach(group: object): void
  checkExtension(number: number): number
  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number
  close(): void
}
