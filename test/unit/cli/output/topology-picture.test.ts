import { expect, test } from 'vitest'
import { topologyPicture } from '../../../../src/cli/output/topology-picture.ts'
import type { TopologyDevice } from '../../../../src/host-topology.ts'

function device(name: string, driver: string, children: readonly TopologyDevice[] = []): TopologyDevice {
  const ids = { class: '0x020000', vendor: '0x8086', device: '0x10d3' }
  const rest = { vfio: false, numaNode: 1, canReset: true, resetMethods: ['flr'], viable: false, bootDisplay: null }
  return { name, driver, ...ids, ...rest, group: 7, accessControl: 'none', children }
}

function pictureOf(devices: readonly TopologyDevice[]): string {
  return topologyPicture({
    roots: [{ name: 'pci0000:00', children: devices }],
    groups: [],
    otherGroups: [],
    warnings: [],
  })
}

test('whatever a driver is called, it is text in the drawing and no markup', () => {
  const picture = pictureOf([device('0000:00:01.0', '</text><script>"\u001b&')])
  expect(picture).not.toContain('<script')
  expect(/\p{Cc}/u.test(picture.replaceAll('\n', ''))).toBe(false)
  expect(picture).toContain('&#60;/text&#62;&#60;script&#62;&#34;\\x1b&#38;')
})

test.each([2, 60])('no two of %i cards overlap, and all are inside the drawing', (count) => {
  const leaves = Array.from({ length: count - 1 }, (_, index) => device(`0000:01:${index}`, 'vfio-pci'))
  const picture = pictureOf([device('0000:00:01.0', 'pcieport', leaves)])
  const [, width, height] = /width="(\d+)" height="(\d+)" viewBox/.exec(picture)?.map(Number) ?? []
  const cards = [...picture.matchAll(/class="card" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g)].map((card) => {
    const [x = 0, y = 0, wide = 0, high = 0] = card.slice(1).map(Number)
    return { left: x, top: y, right: x + wide, bottom: y + high }
  })
  expect(cards).toHaveLength(count)
  for (const [index, one] of cards.entries()) {
    expect(one.right <= (width ?? 0) && one.bottom <= (height ?? 0)).toBe(true)
    for (const other of cards.slice(index + 1)) {
      const isApart =
        one.right < other.left || other.right < one.left || one.bottom < other.top || other.bottom < one.top
      expect(isApart).toBe(true)
    }
  }
})
