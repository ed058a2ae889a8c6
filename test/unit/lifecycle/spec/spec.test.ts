import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { expectAnswers } from '../../hostile.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('a spec file', () => {
  test('is YAML: parents, and what each carries', () => {
    const text = `
version: 1
parents:
  - parent: 3b:00.0
    others: remove
    devices:
      - type: GRID T4-4Q
        count: 2
        attributes:
          - nvidia/vgpu_params: frame_rate_limiter=0
          - numeric: 5
        owner: { group: kvm, mode: '0660' }
      - { type: GRID T4-1B, uuid: ${uuid.toUpperCase()}, autostart: false }
  - parent: 0000:41:00.4-0000:41:01.3
  - parent: { vendor: '0x10DE', device: '2237' }
  - parent: { anyWith: mtty-2 }
`
    const attributes = [
      { name: 'nvidia/vgpu_params', value: 'frame_rate_limiter=0' },
      { name: 'numeric', value: '5' },
    ]
    expect(parseSpec(text, 'a.yaml').parents).toEqual([
      {
        choice: { names: ['3b:00.0'] },
        sriov: null,
        others: 'remove',
        devices: [
          {
            type: 'GRID T4-4Q',
            wanted: { count: 2 },
            start: 'auto',
            attributes,
            owner: { user: null, group: 'kvm', mode: '0660' },
          },
          { type: 'GRID T4-1B', wanted: { uuid }, start: 'manual', attributes: [], owner: null },
        ],
      },
      { choice: { from: '0000:41:00.4', to: '0000:41:01.3' }, sriov: null, others: 'keep', devices: [] },
      { choice: { vendor: '10de', device: '2237' }, sriov: null, others: 'keep', devices: [] },
      { choice: { anyWith: 'mtty-2' }, sriov: null, others: 'keep', devices: [] },
    ])
  })

  test.each([
    ['no YAML', '{ not', /^a\.yaml: the file: /],
    ['another version', '{"version":2,"parents":[]}', /^a\.yaml: version: /],
    ['an unknown key', '{"version":1,"parents":[{"parent":"mtty","device":[]}]}', /^a\.yaml: parents\.0\.device: /],
    [
      'a count below 0',
      '{"version":1,"parents":[{"parent":"mtty","devices":[{"type":"t","count":-1}]}]}',
      /devices\.0\.count: /,
    ],
    [
      'both a UUID and a count',
      `{"version":1,"parents":[{"parent":"mtty","devices":[{"type":"t","count":1,"uuid":"${uuid}"}]}]}`,
      /exclude each other/,
    ],
    [
      'a parent that is a number',
      '{"version":1,"parents":[{"parent":3}]}',
      /parents\.0\.parent: must be a PCI address or name/,
    ],
    [
      'a UUID twice',
      `{"version":1,"parents":[{"parent":"a","devices":[{"type":"t","uuid":"${uuid}"},{"type":"t","uuid":"${uuid}"}]}]}`,
      /is there twice/,
    ],
    ['a key twice', 'version: 1\nversion: 1\nparents: []', /unique/],
  ])('with %s is INVALID_SPEC that says where', (_what, text, message) => {
    expect(() => parseSpec(text, 'a.yaml')).toThrow(
      expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringMatching(message) }),
    )
  })

  test('that is a bomb of aliases is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${Array(9)
          .fill(i === 0 ? 'x' : `*a${i - 1}`)
          .join(',')}]`,
    )
    expect(() => parseSpec(levels.join('\n'), 'bomb.yaml')).toThrow(expect.objectContaining({ code: 'INVALID_SPEC' }))
  })

  test('whatever stands in it, it is a spec or INVALID_SPEC', () => {
    const keys = [
      'version',
      'parents',
      'parent',
      'devices',
      'type',
      'count',
      'uuid',
      'attributes',
      'vgpu-configs',
      'anyWith',
    ]
    const hostile = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object({ key: fc.constantFrom(...keys) }).map((it) => JSON.stringify(it)),
    )
    expectAnswers(hostile, (text) => parseSpec(text, 'hostile'))
  })
})
