import { describe, expect, test } from 'vitest'
import { openMdev } from '../open-mdev.ts'
import { inSampleOrder } from '../sample-order.ts'

describe('the pixels of a screen', () => {
  test('of mdpy are a gradient from black to white', async (context) => {
    const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
    const { width, height, data } = device.display.screenshot() ?? { width: 0, height: 0, data: new Uint8Array() }
    expect([width, height, data.length]).toEqual([640, 480, 640 * 480 * 3])
    const expected = new Uint8Array(data.length)
    for (let y = 0; y < 480; y++) expected.fill(Math.floor((y * 255) / 480), y * 640 * 3, (y + 1) * 640 * 3)
    expect(Buffer.compare(data, expected)).toBe(0)
  })

  test('of mbochs are those that its mode shows of the video memory', async (context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
    const { bar0, bar2 } = device.regions
    expect(device.display.screenshot()).toBe(null)
    const [width, height, virtualWidth, x, y] = [64, 80, 100, 3, 2]
    const mode = { 1282: width, 1284: height, 1286: 32, 1288: 1, 1292: virtualWidth, 1296: x, 1298: y }
    for (const [register, value] of Object.entries(mode)) bar2.write16(Number(register), inSampleOrder(value))
    using memory = bar0.map()
    const lines = new Uint8Array(virtualWidth * (y + height) * 4).map((_, at) => (at * 7) & 0xff)
    memory.writeFrom(0, lines)
    const picture = device.display.screenshot()
    expect(picture).toMatchObject({ width, height })
    const at = (column: number, line: number) => ((y + line) * virtualWidth + x + column) * 4
    const expected = Array.from({ length: width * height }, (_, pixel) => {
      const from = at(pixel % width, Math.floor(pixel / width))
      return [lines[from + 2], lines[from + 1], lines[from]]
    })
    expect([...(picture?.data ?? [])]).toEqual(expected.flat())
  })

  test('are none of a device without a display', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-1')
    expect(() => device.display.screenshot()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
  })
})
