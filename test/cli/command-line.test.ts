import { describe, expect, it } from 'vitest'
import { splitCommandLine } from '../../src/cli/arguments/global-options.ts'
import { mockHost, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('a command line that is wrong is one line, a hint and exit 2', () => {
  it.each([
    ['an unknown command', ['frobnicate'], "unknown command 'frobnicate'", 'vfioctl --help'],
    ['a mistyped command', ['lits'], "unknown command 'lits'; did you mean 'list'?", 'vfioctl --help'],
    ['an unknown option', ['list', '--frob'], 'unknown option --frob', 'vfioctl list --help'],
    ['one argument too many', ['list', uuid, 'more'], "unexpected argument 'more'", 'vfioctl list --help'],
    ['missing arguments', ['read', uuid], 'arguments are missing: <region> <offset>', 'vfioctl read --help'],
    ['an option without its value', ['list', '-p'], '-p needs a value', 'vfioctl list --help'],
  ])('%s', (_what, args, message, hint) => {
    expect(vfioctl(args)).toEqual({ status: 2, stdout: '', stderr: `vfioctl: ${message}\nhint: ${hint}\n` })
  })

  it.each([
    ['an option given twice', ['list', '-p', 'a', '--parent=b'], '--parent is given 2 times'],
    ['--auto with --manual', ['modify', uuid, '-a', '-m'], '--auto and --manual exclude each other'],
    ['--mock with --root', ['list', '--mock', '--root', '/tmp'], '--mock and --root exclude each other'],
    ['--addattr alone', ['modify', uuid, '--addattr', 'x'], '--addattr and --value go together'],
    ['--index alone', ['modify', uuid, '--index', '1'], '--index goes with --addattr or --delattr'],
    ['an index that is no number', ['modify', uuid, '--delattr', '-i', '1e1'], "--index '1e1' is not a whole number"],
    ['--jsonfile with --type', ['define', '--jsonfile', 'x', '-t', 'y'], '--type and --jsonfile exclude each other'],
    ['what names no device', ['stop', 'two words'], "'two words' is not a device"],
    ['a part of a UUID for a new device', ['define', '83b8f4f2-509f'], "'83b8f4f2-509f' is not a whole UUID"],
    ['no device', ['undefine'], 'which device?'],
    ['an option after --', ['list', '--', '--frob'], "unexpected argument '--frob'"],
    ['the device named twice', ['stop', uuid, '-u', uuid], 'the device is named twice'],
  ])('%s', (_what, args, message) => {
    const { status, stdout, stderr } = vfioctl(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(`vfioctl: ${message}`)
    expect(stderr).toMatch(/^vfioctl: .*\nhint: .*\n$/)
  })
})

describe('help', () => {
  it('of a command is data: exit 0, with its options and examples', () => {
    const { status, stdout, stderr } = vfioctl(['define', '--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const part of ['vfioctl define [device]', '--jsonfile', 'Global options:', '--mock', 'Examples:']) {
      expect(stdout).toContain(part)
    }
  })

  it('of all names every command and every exit status', () => {
    const { status, stdout } = vfioctl(['--help'])
    expect(status).toBe(0)
    for (const part of ['vfioctl types', 'vfioctl completion', '130  interrupted']) expect(stdout).toContain(part)
  })

  it('is what a bare vfioctl says, on stderr and with exit 2', () => {
    const { status, stdout, stderr } = vfioctl([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toBe(vfioctl(['--help']).stdout)
  })

  it('--version is the version alone', () => {
    expect(vfioctl(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(vfioctl(['list', '--version']).stdout).toBe(vfioctl(['--version']).stdout)
  })
})

describe('--mock', () => {
  it.each([
    ['before a command, bare', ['--mock', 'list'], 'list', ['--mock=demo']],
    ['after a command, bare', ['list', '--mock'], 'list', ['--mock=demo']],
    ['before an argument', ['stop', '--mock', uuid], 'stop', ['--mock=demo', uuid]],
    ['with the name of a scenario', ['--mock', 'demo', 'list'], 'list', ['--mock=demo']],
    ['with any name after =', ['--mock=other', 'list'], 'list', ['--mock=other']],
    ['before a node', ['inspect', '--mock', '/dev/vfio/7'], 'inspect', ['--mock=demo', '/dev/vfio/7']],
    ['before --, which is dropped', ['list', '--mock', '--', uuid], 'list', ['--mock=demo', uuid]],
  ])('%s', (_where, argv, word, rest) => {
    expect(splitCommandLine(argv)).toMatchObject({ word, rest, orElse: null })
  })

  it('a file behind it is the host, or the command’s own where that lacks one', () => {
    const [rest, orElse] = [['--mock=my.json'], ['--mock=demo', 'my.json']]
    expect(splitCommandLine(['--mock', 'my.json', 'list'])).toEqual({ word: 'list', rest, orElse })
  })

  it('the value of --root is not taken for a command', () => {
    expect(splitCommandLine(['--root', 'list', 'types'])).toEqual({
      word: 'types',
      rest: ['--root', 'list'],
      orElse: null,
    })
  })

  it('a scenario file that is not there is exit 3', () => {
    const { status, stderr } = vfioctl(['list', '--mock=/nowhere/x.json'])
    expect(status).toBe(3)
    expect(stderr).toContain("no simulated host '/nowhere/x.json'")
  })

  it('reset starts over', () => {
    const run = mockHost()
    run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    expect(run('mock', 'reset', '--dry-run').stdout).toContain(run.env['XDG_STATE_HOME'])
    expect(run('list').stdout).toContain(uuid)
    expect(run('mock', 'reset').status).toBe(0)
    expect(run('list').stdout).toBe('')
  })
})

describe('errors with --json', () => {
  it('are one JSON object on stderr, with the exit status and nothing on stdout', () => {
    const { status, stdout, stderr } = mockHost()('start', '-p', 'mtty', '-t', 'mtty-9', '--json')
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'NOT_FOUND', exitCode: 3, hint: 'vfioctl types --mock -p mtty', facts: { type: 'mtty-9' } },
    })
  })

  it('are so even where the command line cannot be parsed', () => {
    const { status, stderr } = vfioctl(['list', '--frob', '--json'])
    expect(status).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INVALID_ARGUMENT', exitCode: 2 } })
  })
})
