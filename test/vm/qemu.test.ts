import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

const prompt = '(qemu) '

/** A virtual machine that is given the device; its firmware does not run, its monitor does. */
function startQemu(uuid: string) {
  const child = spawn(
    'qemu-system-x86_64',
    [
      ...['-M', 'q35', '-accel', 'tcg', '-m', '64', '-S', '-nodefaults', '-display', 'none', '-monitor', 'stdio'],
      ...['-device', `vfio-pci,sysfsdev=/sys/bus/mdev/devices/${uuid}`],
    ],
    { stdio: 'pipe' },
  )
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const answer = async () => {
    while (!said.endsWith(prompt)) {
      await Promise.race([once(child.stdout, 'data'), ended])
      if (child.exitCode !== null) throw new Error(`QEMU ended with ${child.exitCode}: ${said}`)
    }
    return said
  }
  return {
    pid: child.pid,
    /** Answer of the monitor to a command. */
    async ask(command: string): Promise<string> {
      await answer()
      said = ''
      child.stdin.write(`${command}\n`)
      return answer()
    },
    async quit(): Promise<void> {
      child.stdin.write('quit\n')
      await ended
    },
  }
}

it('QEMU opens the device that we started, and while it has it nobody can stop it', async () => {
  const uuid = randomUUID()
  onTestFinished(() => {
    vfioctl(['stop', uuid])
  })
  expect(vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2'])).toMatchObject({ status: 0 })
  const qemu = startQemu(uuid)
  // mtty's vendor and device
  expect(await qemu.ask('info pci')).toContain('PCI device 4348:3253')

  const holder = { pid: qemu.pid, command: 'qemu-system-x86' }
  expect(JSON.parse(vfioctl(['list', uuid, '--json']).stdout).devices).toMatchObject([{ users: [holder] }])
  const refused = vfioctl(['stop', uuid])
  expect(refused).toMatchObject({ status: 5, stdout: '' })
  expect(refused.stderr).toContain(`qemu-system-x86 (pid ${qemu.pid})`)
  expect(await qemu.ask('info pci')).toContain('PCI device 4348:3253')

  await qemu.quit()
  expect(vfioctl(['stop', uuid])).toMatchObject({ status: 0 })
})
