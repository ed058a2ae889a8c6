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
        at: { line: 4, column: 5 },
        choice: { names: ['3b:00.0'] },
        sriov: null,
        modes: {},
        others: 'remove',
        devices: [
          {
            at: { line: 7, column: 9 },
            type: 'GRID T4-4Q',
            wanted: { count: 2 },
            start: 'auto',
            attributes,
            owner: { user: null, group: 'kvm', mode: '0660' },
            driver: null,
            otherTypes: [],
          },
          {
            at: { line: 13, column: 9 },
            type: 'GRID T4-1B',
            wanted: { uuid },
            start: 'manual',
            attributes: [],
            owner: null,
            driver: null,
            otherTypes: [],
          },
        ],
      },
      {
        at: { line: 14, column: 5 },
        choice: { from: '0000:41:00.4', to: '0000:41:01.3' },
        sriov: null,
        modes: {},
        others: 'keep',
        devices: [],
      },
      {
        at: { line: 15, column: 5 },
        choice: { vendor: '10de', device: '2237' },
        sriov: null,
        modes: {},
        others: 'keep',
        devices: [],
      },
      {
        at: { line: 16, column: 5 },
        choice: { anyWith: ['mtty-2'] },
        sriov: null,
        modes: {},
        others: 'keep',
        devices: [],
      },
    ])
  })

  test.each([
    ['no YAML', '{ not', /^a\.yaml:1:6: the file: /],
    ['another version', '{"version":2,"parents":[]}', /^a\.yaml:1:2: version: /],
    [
      'an unknown key',
      '{"version":1,"parents":[{"parent":"mtty","device":[]}]}',
      /^a\.yaml:1:42: parent 1, device: is not known here; did you mean devices\?$/,
    ],
    [
      'a count below 0',
      '{"version":1,"parents":[{"parent":"mtty","devices":[{"type":"t","count":-1}]}]}',
      /^a\.yaml:1:65: parent 1, device 1, count: must be at least 0, not -1$/,
    ],
    [
      'both a UUID and a count',
      `{"version":1,"parents":[{"parent":"mtty","devices":[{"type":"t","count":1,"uuid":"${uuid}"}]}]}`,
      /exclude each other/,
    ],
    [
      'a parent that is a number',
      '{"version":1,"parents":[{"parent":3}]}',
      /parent 1, parent: must be a PCI address or name/,
    ],
    [
      'a UUID twice',
      `{"version":1,"parents":[{"parent":"a","devices":[{"type":"t","uuid":"${uuid}"},{"type":"t","uuid":"${uuid}"}]}]}`,
      /^a\.yaml:1:\d+: parent 1, device 2, uuid: 83b8.* is listed twice$/,
    ],
    [
      'a key twice',
      'version: 1\nversion: 1\nparents: []',
      /^a\.yaml:2:1: the file: the key 'version' is listed twice$/,
    ],
    ['a tab', 'version: 1\nparents:\n\t- parent: mtty', /:3:1: the file: a tab indents this line/],
    ...[`0x00ff${'0'.repeat(60)}`, '1.10', '.inf'].map((value): [string, string, RegExp] => [
      `an attribute of ${value}, of which YAML keeps no digits`,
      `version: 1\nparents:\n  - parent: matrix\n    devices: [{ type: t, attributes: [{ ap_config: ${value} }] }]`,
      /^a\.yaml:4:\d+: parent 1, device 1, attribute 1, ap_config: must stand in quotes/,
    ]),
    ['two documents', 'version: 1\n---\nversion: 1', /:2:1: the file: a second document begins here/],
    ['nothing', '', /^a\.yaml:1:1: the file: /],
    ['an alias of nothing', 'version: *v', /:1:10: the file: no anchor '&v' stands before this$/],
    ['an alias in what it names', 'version: &v [*v]', /:1:14: the file: '\*v' stands within what it names$/],
    [
      'a key far down',
      'version: 1\n\nparents:\n  - parent: mtty\n    devises: []',
      /:5:5: parent 1, devises: .* did you mean devices/,
    ],
  ])('with %s is INVALID_SPEC that says where', (_what, text, message) => {
    expect(() => parseSpec(text, 'a.yaml')).toThrow(
      expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringMatching(message) }),
    )
  })

  test('means by an alias and by << what YAML does, however often', () => {
    const rows = Array.from(
      { length: 300 },
      (_, i) => `      - { type: t, uuid: ${uuid.slice(0, -3)}${100 + i}, owner: *o }`,
    )
    const text = [
      '\ufeffversion: 1',
      'parents:',
      '  - parent: mtty',
      '    devices:',
      '      - &base { type: t, autostart: false, owner: &o { group: kvm } }',
      '      - { <<: *base, type: u }',
      ...rows,
    ].join('\n')
    const devices = parseSpec(text, 'a.yaml').parents[0]?.devices ?? []
    expect(devices).toHaveLength(302)
    expect(devices[1]).toMatchObject({ type: 'u', start: 'manual', owner: { group: 'kvm' } })
    expect(devices.every(({ owner }) => owner?.group === 'kvm')).toBe(true)
  })

  test('names every function of a device by a star', () => {
    const text = 'version: 1\nbindings: [{ device: "80:04.*" }]'
    expect(parseSpec(text, 'a.yaml').bindings[0]?.choice).toEqual({ from: '0000:80:04.0', to: '0000:80:04.7' })
  })

  test.each([
    ['brackets', '['.repeat(201)],
    ['indentation', `${' '.repeat(201)}- a`],
    ['marks', '- '.repeat(201)],
  ])('that is nested too deeply by %s is refused before any parser sees it', (_what, text) => {
    expect(() => parseSpec(text, 'a.yaml')).toThrow(/^a\.yaml:1:20[0-9]: the file: is nested more than 200 deep$/)
  })

  test('of 128 KiB is read or refused at once', () => {
    const size = 128 * 1024
    const texts = [
      Array.from({ length: size / 8 }, (_, i) => `k${i}: 1`).join('\n'),
      `- &a 1\n${'- *a\n'.repeat(size / 5)}`,
      ']'.repeat(size),
      '"'.repeat(size),
    ]
    for (const text of texts) {
      const before = process.cpuUsage().user
      expect(() => parseSpec(text, 'a.yaml')).toThrow(expect.objectContaining({ code: 'INVALID_SPEC' }))
      expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(2)
    }
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
