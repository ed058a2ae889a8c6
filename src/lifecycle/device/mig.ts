import type { NamedType } from './type-named.ts'

/** Of a card that lists no types. */
export const offersNothing = 'offers no type at all; in MIG mode a card needs GPU instances first'

/** The reason why a card makes no device of a type now, and a hint that helps. */
export interface RefusalReason {
  readonly why: string
  readonly hint: string
}

/**
 * True if a type takes a GPU instance of MIG: NVIDIA's names of those have the instance's slices before the framebuffer
 * ('GRID A100-1-5C', 'NVIDIA RTX Pro 6000 Blackwell DC-2-48QGFX').
 */
export function isMigBacked({ name }: Pick<NamedType, 'name'>): boolean {
  return /-\d{1,2}-\d{1,4}[ABCQ](?:ME|NOME|MEALL|GFX)*$/.test(name ?? '')
}

/** The reason in MIG, which cuts a GPU into instances, for a card's refusal; null for none. */
export function migReason(
  card: string,
  wanted: Pick<NamedType, 'name'>,
  offered: readonly NamedType[],
): RefusalReason | null {
  const make = `nvidia-smi mig -i ${card} -lgip names the sizes, nvidia-smi mig -i ${card} -cgi SIZE -C makes one`
  if (isMigBacked(wanted)) {
    return {
      why: 'a type of its kind takes a GPU instance (MIG) of its size, and none is free',
      hint: `nvidia-smi mig -i ${card} -lgi lists them; ${make}; MIG has to be on: nvidia-smi -i ${card} -mig 1`,
    }
  }
  if (offered.length === 0) return null
  return offered.every(isMigBacked)
    ? {
        why: 'the card is in MIG mode, and offers only types that take a GPU instance',
        hint: `vfioctl types -p ${card}; or, with nothing on the card, end that mode: nvidia-smi -i ${card} -mig 0`,
      }
    : null
}

/** Of a card that carries nothing and offers nothing. */
export function whyNothing(card: string): RefusalReason {
  return {
    why: `it ${offersNothing}`,
    hint: `nvidia-smi -i ${card} -q | grep -A2 'MIG Mode'; nvidia-smi mig -i ${card} -lgi; dmesg | tail`,
  }
}
