import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { Callouts } from '../../../../src/lifecycle/callouts/callouts.ts'
import type { ChangeOptions } from '../../../../src/lifecycle/change/change.ts'
import { define } from '../../../../src/lifecycle/kinds/mdev/define.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { stop } from '../../../../src/lifecycle/kinds/mdev/stop.ts'
import { undefine } from '../../../../src/lifecycle/kinds/mdev/undefine.ts'
import { HostTree } from '../../host-tree.ts'

const uuid = '11111111-0000-4000-8000-000000000001'
const [parent, type] = ['matrix', 'vfio_ap-passthrough']
const subject = { uuid, parent, type }
const device = `-u ${uuid} -p ${parent}`
const definition = { type, start: 'manual', attributes: [{ name: 'assign_adapter', value: '5' }] } as const
const config = '{"mdev_type":"vfio_ap-passthrough","start":"manual","attrs":[{"assign_adapter":"5"}]}'
const versionTwo = JSON.stringify({
  supports: {
    version: 2,
    actions: ['start', 'stop', 'define', 'undefine', 'modify', 'attributes', 'capabilities'],
    events: ['pre', 'post', 'notify', 'get', 'live'],
  },
})

function putScript(host: HostTree, path: string, text: string, mode = 0o755): void {
  host.file(path, text)
  chmodSync(join(host.root, path), mode)
}

/** A host whose scripts write each call to a journal: their name, their arguments, what they are given on stdin. */
class ScriptHost extends HostTree {
  script(kind: 'callouts' | 'notifiers', name: string, body: string): this {
    const path = `usr/lib/mdevctl/scripts.d/${kind}/${name}`
    const journal = `{ echo "${name} $*"; input=$(cat); [ -z "$input" ] || echo "< $input"; } >> ${this.root}/journal`
    this.file(path, `#!/bin/sh\n${journal}\n${body}\n`)
    chmodSync(join(this.root, path), 0o755)
    return this
  }

  get journal(): string[] {
    const path = join(this.root, 'journal')
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }
}

function answering(answers: Readonly<Record<string, string>>, otherwise = 'exit 0'): string {
  const cases = Object.entries(answers).map(([call, answer]) => `  "${call}") ${answer} ;;`)
  return `case "$4 $6" in\n${cases.join('\n')}\n  *) ${otherwise} ;;\nesac`
}

async function around(host: HostTree, options = {}, work: () => void = () => {}): Promise<void> {
  await new Callouts(openLinux({ root: host.root, runsPrograms: true }), subject, options).around(
    'define',
    definition,
    work,
  )
}

describe('scripts around a change', () => {
  test('are asked before and told afterwards, with the device in their arguments and its definition on stdin', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', 'exit 0').script('notifiers', 'log.sh', '')
    await around(host)
    expect(host.journal.filter((line) => !line.includes('"provides"'))).toEqual([
      `ap.sh -t ${type} -e get -a capabilities -s none ${device}`,
      `ap.sh -t ${type} -e pre -a define -s none ${device}`,
      `< ${config}`,
      `ap.sh -t ${type} -e post -a define -s success ${device}`,
      `< ${config}`,
      `log.sh -t ${type} -e notify -a define -s success ${device}`,
    ])
  })

  test('are told what we know: protocol version 2', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', 'exit 0')
    await around(host)
    const said = host.journal.find((line) => line.startsWith('< {"provides"'))
    expect(JSON.parse(said?.slice(2) ?? '')).toMatchObject({ provides: { version: 2 } })
  })

  test('the first by name that does not answer 2 owns the type; the others are not asked', async () => {
    const host = new ScriptHost()
      .script('callouts', '10-other.sh', 'exit 2')
      .script('callouts', '20-mine.sh', 'exit 0')
      .script('callouts', '30-late.sh', 'exit 0')
    await around(host)
    const asked = host.journal.filter((line) => line.includes('-e pre') || line.includes('-e post'))
    expect(asked.map((line) => line.slice(0, 10))).toEqual(['10-other.s', '20-mine.sh', '20-mine.sh'])
  })

  test('one that says what it supports is the only one', async () => {
    const host = new ScriptHost()
      .script('callouts', '10-old.sh', 'exit 0')
      .script('callouts', '20-new.sh', answering({ 'get capabilities': `echo '${versionTwo}'` }))
    await around(host)
    const asked = host.journal.filter((line) => line.includes('-e pre'))
    expect(asked.map((line) => line.split(' ')[0])).toEqual(['20-new.sh'])
  })

  test('one that forbids it is CALLOUT_REFUSED with its words; nothing is done, notifiers hear of it', async () => {
    const host = new ScriptHost()
      .script('callouts', 'ap.sh', answering({ 'pre define': 'echo "adapter 5 is taken" >&2; exit 1' }))
      .script('notifiers', 'log.sh', '')
    const said: string[] = []
    let done = false
    const refused = around(host, { onMessage: (line: string) => said.push(line) }, () => {
      done = true
    })
    await expect(refused).rejects.toMatchObject({ code: 'CALLOUT_REFUSED', facts: { status: 1 } })
    expect({ done, said }).toEqual({ done: false, said: ['ap.sh: adapter 5 is taken'] })
    expect(host.journal.at(-1)).toBe(`log.sh -t ${type} -e notify -a define -s none ${device}`)
    expect(host.journal.some((line) => line.includes('-e post'))).toBe(false)
  })

  test('a refusal can be overruled, and is told', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', answering({ 'pre define': 'exit 1' }))
    const said: string[] = []
    await around(host, { force: true, onMessage: (line: string) => said.push(line) })
    expect(said).toEqual([expect.stringContaining('--force')])
  })

  test('a change that fails is told as a failure, and its error is kept', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', 'exit 0')
    const failed = around(host, {}, () => {
      throw new Error('no room')
    })
    await expect(failed).rejects.toThrow('no room')
    expect(host.journal).toContain(`ap.sh -t ${type} -e post -a define -s failure ${device}`)
  })

  test.each([
    ['hangs', 'sleep 60 & sleep 60', 500, { timedOut: true }],
    ['is killed', 'kill -9 $$', 60_000, { timedOut: false }],
  ])('one that %s is named, and what it guards is not done', async (_how, body, timeoutMs, facts) => {
    const host = new ScriptHost().script('callouts', 'ap.sh', answering({ 'pre define': body }))
    let done = false
    const failed = around(host, { timeoutMs }, () => {
      done = true
    })
    await expect(failed).rejects.toMatchObject({
      code: 'CALLOUT_FAILED',
      facts,
      message: expect.stringContaining('/usr/lib/mdevctl/scripts.d/callouts/ap.sh'),
    })
    expect(done).toBe(false)
  })

  test('a file that is no program is passed over', async () => {
    const host = new ScriptHost()
      .file('usr/lib/mdevctl/scripts.d/callouts/README', 'no script')
      .script('callouts', 'ap.sh', 'exit 0')
    await around(host)
    expect(host.journal).toContain(`ap.sh -t ${type} -e pre -a define -s none ${device}`)
  })

  test('stdin, stdout and stderr can be opened by their names, as with mdevctl', async () => {
    const host = new HostTree()
    const said: string[] = []
    const body = 'read -r x </dev/stdin; echo "$4 $(cut -d: -f2- <<<"$x")" >/dev/stderr; echo fine >/dev/stdout'
    putScript(host, 'usr/lib/mdevctl/scripts.d/callouts/by-name.sh', `#!/bin/bash\n${body}\n`)
    await around(host, { onMessage: (line: string) => said.push(line) })
    expect(said[1]).toBe('by-name.sh: pre "vfio_ap-passthrough","start":"manual","attrs":[{"assign_adapter":"5"}]}')
  })

  test('words are told whole, however long', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', answering({ 'pre define': 'printf %01000d 7 >&2' }))
    const said: string[] = []
    await around(host, { onMessage: (line: string) => said.push(line) })
    expect(said).toEqual([`ap.sh: ${'7'.padStart(1000, '0')}`])
  })

  test.each([
    ['whose interpreter is not there', '#!/usr/bin/no-such-python2\n', 0o755, 'asks for /usr/bin/no-such-python2'],
    ['with lines of CR LF', '#!/bin/sh\r\nexit 1\r\n', 0o755, 'CR LF'],
    ['that nobody may execute', '#!/bin/sh\nexit 1\n', 0o644, 'chmod +x'],
    ['that everybody can write', '#!/bin/sh\nexit 0\n', 0o777, 'chown root:root'],
  ])('one %s is CALLOUT_FAILED, and what it may forbid is not done', async (_which, text, mode, hint) => {
    const host = new HostTree()
    putScript(host, 'usr/lib/mdevctl/scripts.d/callouts/ap-check.sh', text, mode)
    let done = false
    const failed = around(host, {}, () => {
      done = true
    })
    await expect(failed).rejects.toMatchObject({ code: 'CALLOUT_FAILED', hint: expect.stringContaining(hint) })
    expect(done).toBe(false)
  })

  test('one that leads to nothing is CALLOUT_FAILED', async () => {
    const host = new HostTree().link('usr/lib/mdevctl/scripts.d/callouts/ap.sh', '/opt/vendor/gone')
    await expect(around(host)).rejects.toMatchObject({ code: 'CALLOUT_FAILED', errno: 'ENOENT' })
  })

  test('one in a folder that everybody can write is not run', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', 'exit 0')
    chmodSync(join(host.root, 'usr/lib/mdevctl/scripts.d'), 0o777)
    await expect(around(host)).rejects.toThrow('/usr/lib/mdevctl/scripts.d can be written by everybody')
    expect(host.journal).toEqual([])
  })

  test('below another root none is run: the change is made, and that is said once', async () => {
    const host = new ScriptHost().script('callouts', 'no.sh', 'exit 1').script('notifiers', 'log.sh', '')
    const said: string[] = []
    const callouts = new Callouts(openLinux({ root: host.root }), subject, { onMessage: (line) => said.push(line) })
    expect(await callouts.around('define', definition, () => 'done')).toBe('done')
    await callouts.around('undefine', definition, () => {})
    expect(await callouts.attributes()).toBeNull()
    expect(said).toEqual(['not asked below another root, and may forbid it: /usr/lib/mdevctl/scripts.d/callouts/no.sh'])
    expect(host.journal).toEqual([])
  })

  test('an answer of NULs is read in no time', async () => {
    const host = new ScriptHost().script('callouts', 'ap.sh', 'head -c 900000 /dev/zero; echo x')
    await around(host)
    expect(host.journal.some((line) => line.includes('-e pre'))).toBe(true)
  })

  test('scripts of mdevctl’s older place count too, after the others', async () => {
    const host = new ScriptHost().script('callouts', 'new.sh', 'exit 2')
    host.file('etc/mdevctl.d/scripts.d/callouts/old.sh', `#!/bin/sh\necho "old.sh $*" >> ${host.root}/journal\n`)
    chmodSync(join(host.root, 'etc/mdevctl.d/scripts.d/callouts/old.sh'), 0o755)
    await around(host)
    expect(host.journal.filter((line) => line.includes('-e pre')).map((line) => line.split(' ')[0])).toEqual([
      'new.sh',
      'old.sh',
    ])
  })
})

describe('attributes of a running device', () => {
  const ask = (host: HostTree) => new Callouts(openLinux({ root: host.root, runsPrograms: true }), subject).attributes()
  const says = (answer: string) =>
    new ScriptHost().script('callouts', 'ap.sh', answering({ 'get attributes': answer, 'get capabilities': 'exit 2' }))

  test.each([
    ['a list', `echo '[{"assign_adapter":"5"},{"assign_domain":"0xab"}]'`, ['assign_adapter', 'assign_domain']],
    ['a list that ends in NUL', `printf '[{"assign_adapter":"5"}]\\0'`, ['assign_adapter']],
    ['nothing', 'exit 0', []],
    ['an empty object', "printf '[{}]'", []],
  ])('%s', async (_what, answer, names) => {
    expect((await ask(says(answer)))?.map(({ name }) => name)).toEqual(names)
  })

  test.each(['echo nonsense', `echo '[{"a":1}]'`, `echo '[{"a":"1","b":"2"}]'`, 'exit 1'])(
    '%s is CALLOUT_FAILED',
    async (answer) => {
      await expect(ask(says(answer))).rejects.toMatchObject({ code: 'CALLOUT_FAILED' })
    },
  )

  test('null where no script knows the type', async () => {
    expect(await ask(new ScriptHost().script('callouts', 'other.sh', 'exit 2'))).toBeNull()
  })

  test('are kept with a running device that is defined by its UUID alone', async () => {
    const host = new ScriptHost()
      .script('callouts', 'ap.sh', answering({ 'get attributes': `echo '[{"assign_adapter":"5"}]'` }))
      .type(parent, type, { available_instances: '1\n', device_api: 'vfio-ap\n' })
      .mdev(uuid, parent, type, 7)
      .directory('etc')
    await define(openLinux({ root: host.root, runsPrograms: true }), { uuid })
    const file = JSON.parse(readFileSync(join(host.root, `etc/mdevctl.d/${parent}/${uuid}`), 'utf8'))
    expect(file).toEqual({ mdev_type: type, start: 'manual', attrs: [{ assign_adapter: '5' }] })
  })
})

describe('every changing verb asks', () => {
  const verbs = {
    define: (kernel: Kernel, options?: ChangeOptions) => define(kernel, { uuid, parent, type }, options),
    undefine: (kernel: Kernel, options?: ChangeOptions) => undefine(kernel, { uuid }, options),
    start: (kernel: Kernel, options?: ChangeOptions) => start(kernel, { uuid, parent, type }, options),
    stop: (kernel: Kernel, options?: ChangeOptions) => stop(kernel, { uuid }, options),
  }

  test.each(Object.entries(verbs))(
    '%s is refused where a script forbids it, and changes nothing',
    async (verb, act) => {
      const host = new ScriptHost()
        .script('callouts', 'no.sh', answering({ [`pre ${verb}`]: 'exit 1' }))
        .type(parent, type, { available_instances: '1\n', device_api: 'vfio-ap\n' })
        .directory('etc')
      if (verb === 'stop') host.mdev(uuid, parent, type, 7)
      if (verb === 'undefine') host.definition(parent, uuid, '{"mdev_type":"t","start":"auto"}')
      await expect(act(openLinux({ root: host.root, runsPrograms: true }))).rejects.toMatchObject({
        code: 'CALLOUT_REFUSED',
      })
      const create = readFileSync(
        join(host.root, `sys/class/mdev_bus/${parent}/mdev_supported_types/${type}/create`),
        'utf8',
      )
      const isDefined = existsSync(join(host.root, `etc/mdevctl.d/${parent}/${uuid}`))
      expect({ create, isDefined }).toEqual({ create: '', isDefined: verb === 'undefine' })
      if (verb === 'stop') expect(readFileSync(join(host.root, `sys/bus/mdev/devices/${uuid}/remove`), 'utf8')).toBe('')
    },
  )

  test.each(Object.entries(verbs))('%s asks none in a dry run, and says so', async (verb, act) => {
    const host = new ScriptHost()
      .script('callouts', 'no.sh', 'exit 1')
      .type(parent, type, { available_instances: '1\n', device_api: 'vfio-ap\n' })
      .directory('etc')
    if (verb === 'stop') host.mdev(uuid, parent, type, 7)
    if (verb === 'undefine') host.definition(parent, uuid, '{"mdev_type":"t","start":"auto"}')
    const said: string[] = []
    await act(openLinux({ root: host.root, runsPrograms: true }), {
      dryRun: true,
      onMessage: (line) => said.push(line),
    })
    expect(said).toEqual(['not asked in a dry run, and may forbid it: /usr/lib/mdevctl/scripts.d/callouts/no.sh'])
    expect(existsSync(join(host.root, 'journal'))).toBe(false)
  })
})
