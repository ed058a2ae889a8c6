import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { installBoot } from '../../../../src/lifecycle/boot/install.ts'
import { HostTree } from '../../host-tree.ts'

const bin = 'dist/bin/vfioctl.cjs'

function install(tree: HostTree, script: string) {
  return installBoot(openLinux({ root: tree.root }), { program: ['/usr/bin/node', script], live: false, dryRun: true })
}

test.each([
  ['root/.npm/_npx/1a2b/node_modules/vfioctl', 'a package manager’s cache'],
  ['root/.cache/pnpm/dlx/1a2b/node_modules/vfioctl', 'a package manager’s cache'],
  ['srv/project/node_modules/vfioctl', 'the packages of the project /srv/project'],
])('%s does not stay: nothing is installed', async (folder, where) => {
  const tree = new HostTree().file('srv/project/package.json', '{}').file(`${folder}/${bin}`, '')
  tree.link('usr/bin/vfioctl', `/${folder}/${bin}`)
  const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining(where) }
  await expect(install(tree, `/${folder}/${bin}`)).rejects.toMatchObject(refused)
  await expect(install(tree, '/usr/bin/vfioctl')).rejects.toMatchObject(refused)
})

test.each(['usr/lib/node_modules/vfioctl', 'root/.local/share/pnpm/global/5/node_modules/vfioctl', 'opt/vfioctl'])(
  '%s stays',
  async (folder) => {
    const tree = new HostTree().file(`${folder}/${bin}`, '').file('root/.local/share/pnpm/global/5/package.json', '{}')
    expect((await install(tree, `/${folder}/${bin}`)).steps).toHaveLength(5)
  },
)

test.each([
  ['opt', 0o777, 'everybody'],
  ['opt/vfioctl/dist', 0o775, 'group'],
  [`opt/vfioctl/${bin}`, 0o666, 'everybody'],
])('a program that others can change by %s of mode %o is refused: they would be root', async (place, mode, who) => {
  const tree = new HostTree().file(`opt/vfioctl/${bin}`, '').link('usr/bin/vfioctl', `/opt/vfioctl/${bin}`)
  chmodSync(join(tree.root, place), mode)
  const made = install(tree, '/usr/bin/vfioctl')
  // root's own group is root
  if (who === 'group' && process.getgid?.() === 0) expect((await made).changed).toBe(true)
  else
    await expect(made).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`by ${who}`),
    })
})

test('a unit of ours that everybody can write is written anew, and a folder of units that they can write is told', async () => {
  const tree = new HostTree()
  const kernel = openLinux({ root: tree.root })
  const request = { program: ['/usr/bin/node', `/opt/${bin}`], live: false }
  await installBoot(kernel, request)
  expect((await installBoot(kernel, request)).changed).toBe(false)
  const rule = '/etc/udev/rules.d/61-vfioctl.rules'
  kernel.files.chmod(rule, 0o666)
  expect((await installBoot(kernel, request)).steps).toMatchObject([{ action: 'save', path: rule }])
  expect(kernel.files.owner(rule).mode).toBe(0o644)
  kernel.files.chmod('/etc/systemd', 0o777)
  const { notes } = await installBoot(kernel, request)
  expect(notes).toEqual(['/etc/systemd can be written by everybody: who uses that is root at the next boot'])
})

test('what an image does not have yet is passed over', async () => {
  expect((await install(new HostTree(), `/usr/lib/node_modules/vfioctl/${bin}`)).changed).toBe(true)
})
