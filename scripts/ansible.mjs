// npm run pack:ansible [-- DIRECTORY]: the Ansible collection vfioctl.host as ansible-galaxy installs it, in build/ansible
// unless told; the same bytes each time. Prints its path.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { run } from './vm/debian.mjs'

const root = dirname(import.meta.dirname)
const { version, license, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** @param {string} folder the archive's */
export async function packAnsible(folder) {
  const work = mkdtempSync(join(tmpdir(), 'vfioctl-ansible-'))
  try {
    const tree = join(work, 'tree')
    cpSync(join(import.meta.dirname, 'ansible'), tree, { recursive: true })
    copyFileSync(join(root, 'LICENSE'), join(tree, 'LICENSE'))
    const files = { files: [entry('.', null), ...listed(tree)], format: 1 }
    writeJson(join(tree, 'FILES.json'), files)
    writeJson(join(tree, 'MANIFEST.json'), {
      collection_info: collectionInfo(),
      file_manifest_file: entry('FILES.json', readFileSync(join(tree, 'FILES.json'))),
      format: 1,
    })
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX']
    const tar = join(work, 'collection.tar')
    await run('tar', [...same, '--format=ustar', '-C', tree, '-cf', tar, 'MANIFEST.json', 'FILES.json', ...tops(tree)])
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `vfioctl-host-${version}.tar.gz`)
    writeFileSync(file, gzipSync(readFileSync(tar), { level: 9 }))
    return file
  } finally {
    rmSync(work, { recursive: true })
  }
}

function collectionInfo() {
  return {
    namespace: 'vfioctl',
    name: 'host',
    version,
    authors: ['The authors of vfioctl'],
    readme: 'README.md',
    tags: ['linux', 'virtualization', 'vfio', 'vgpu', 'sriov'],
    description,
    license: [license],
    license_file: null,
    dependencies: {},
    repository: null,
    documentation: null,
    homepage: null,
    issues: null,
  }
}

/** @param {string} tree */
function tops(tree) {
  return readdirSync(tree)
    .filter((name) => !name.endsWith('.json'))
    .sort()
}

/** @param {string} tree */
function listed(tree) {
  return readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(tree, name)
      return entry(relative(tree, path), lstatSync(path).isDirectory() ? null : readFileSync(path))
    })
}

/** @param {string} name @param {Buffer | null} content */
function entry(name, content) {
  const hash = content === null ? null : createHash('sha256').update(content).digest('hex')
  const type = { ftype: content === null ? 'dir' : 'file', chksum_type: content === null ? null : 'sha256' }
  return { name, ...type, chksum_sha256: hash, format: 1 }
}

/** @param {string} path @param {unknown} value */
function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`)
}

if (process.argv[1] === import.meta.filename) {
  console.log(await packAnsible(resolve(process.argv[2] ?? join(root, 'build/ansible'))))
}
