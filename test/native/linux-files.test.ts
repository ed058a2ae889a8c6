import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'

const root = mkdtempSync(join(tmpdir(), 'vfioctl-root-'))
const { files } = openLinux({ root })
afterAll(() => rmSync(root, { recursive: true }))

beforeEach(() => {
  rmSync(join(root, 'sys'), { recursive: true, force: true })
  mkdirSync(join(root, 'sys/bus'), { recursive: true })
  writeFileSync(join(root, 'sys/name'), 'mtty\n')
  symlinkSync('../nowhere', join(root, 'sys/link'))
})

function failure(code: string, path: string): unknown {
  return expect.objectContaining({ code, path, message: expect.stringMatching(new RegExp(`^${code}: .*'${path}'$`)) })
}

describe('files below a root', () => {
  it('are named by their path on the host', () => {
    expect(files.list('/sys').sort()).toEqual(['bus', 'link', 'name'])
    expect(files.read('/sys/name')).toBe('mtty\n')
    expect(files.readlink('/sys/link')).toBe('../nowhere')
  })

  it('have a kind, and a symlink is not followed', () => {
    execFileSync('mkfifo', [join(root, 'sys/fifo')])
    const kinds = ['/sys', '/sys/name', '/sys/link', '/sys/fifo', '/sys/none', '/sys/name/below'].map(files.kind)
    expect(kinds).toEqual(['directory', 'file', 'symlink', 'other', null, null])
    expect(openLinux().files.kind('/dev/null')).toBe('device')
  })

  it('fail with the path that the caller gave, not the one below the root', async () => {
    expect(() => files.read('/sys/none')).toThrow(failure('ENOENT', '/sys/none'))
    expect(() => files.read('/sys/bus')).toThrow(failure('EISDIR', '/sys/bus'))
    expect(() => files.list('/sys/name')).toThrow(failure('ENOTDIR', '/sys/name'))
    expect(() => files.readlink('/sys/name')).toThrow(failure('EINVAL', '/sys/name'))
    expect(() => files.unlink('/sys/none')).toThrow(failure('ENOENT', '/sys/none'))
    expect(() => files.makeDirectory('/sys/bus')).toThrow(failure('EEXIST', '/sys/bus'))
    expect(() => files.removeDirectory('/sys')).toThrow(failure('ENOTEMPTY', '/sys'))
    expect(() => files.rename('/sys/none', '/sys/there')).toThrow(failure('ENOENT', '/sys/none'))
    expect(() => files.syncDirectory('/sys/name')).toThrow(failure('ENOTDIR', '/sys/name'))
    expect(() => files.create('/sys/name', '')).toThrow(failure('EEXIST', '/sys/name'))
    await expect(files.write('/sys/none', '1')).rejects.toThrow(failure('ENOENT', '/sys/none'))
    expect(() => openLinux({ root }).open('/sys/none', 'r')).toThrow(failure('ENOENT', '/sys/none'))
  })

  it('are read to 1 MiB and no further', () => {
    writeFileSync(join(root, 'sys/large'), Buffer.alloc(1024 * 1024, 'x'))
    expect(files.read('/sys/large').length).toBe(1024 * 1024)
    writeFileSync(join(root, 'sys/large'), Buffer.alloc(1024 * 1024 + 1, 'x'))
    expect(() => files.read('/sys/large')).toThrow(failure('EFBIG', '/sys/large'))
    expect(() => openLinux().files.read('/dev/zero')).toThrow(failure('EFBIG', '/dev/zero'))
  })

  it('of no stated size are read whole, and a FIFO without a writer is empty', () => {
    expect(openLinux().files.read('/proc/self/status')).toMatch(/^Name:/)
    execFileSync('mkfifo', [join(root, 'sys/fifo')])
    expect(openLinux().files.read(join(root, 'sys/fifo'))).toBe('')
  })
})

describe('writing', () => {
  it('goes over what is there without truncating, and creates nothing', async () => {
    await files.write('/sys/name', 'v')
    expect(files.read('/sys/name')).toBe('vtty\n')
    await expect(files.write('/sys/new', '1')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(existsSync(join(root, 'sys/new'))).toBe(false)
  })

  it('is one write(2), and tells what the kernel answered to it', async () => {
    // Each write to a process's name replaces it whole.
    const host = openLinux().files
    const name = host.read('/proc/self/comm').trim()
    await host.write('/proc/self/comm', 'vfioctl-native')
    expect(host.read('/proc/self/comm')).toBe('vfioctl-native\n')
    await host.write('/proc/self/comm', name)
    await expect(host.write('/dev/full', '1')).rejects.toThrow(failure('ENOSPC', '/dev/full'))
  })

  it('creates a file once, whole', () => {
    files.create('/sys/new', 'content\n')
    expect(readFileSync(join(root, 'sys/new'), 'utf8')).toBe('content\n')
    files.rename('/sys/new', '/sys/name')
    expect(files.read('/sys/name')).toBe('content\n')
    files.syncDirectory('/sys')
  })

  it('makes and removes directories', () => {
    files.makeDirectory('/sys/made')
    expect(files.kind('/sys/made')).toBe('directory')
    files.removeDirectory('/sys/made')
    expect(files.kind('/sys/made')).toBeNull()
    files.unlink('/sys/name')
    expect(files.kind('/sys/name')).toBeNull()
  })
})
