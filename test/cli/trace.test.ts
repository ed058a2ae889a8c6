import { expect, test } from 'vitest'
import { mockHost, vfioctl } from './vfioctl.ts'

test('VFIOCTL_TRACE=1 shows on stderr what a command asks of the kernel, and leaves its output alone', () => {
  const run = mockHost()
  const [uuid] = run('start', '-p', 'mtty', '-t', 'mtty-2').stdout.split('\n')
  const command = ['inspect', '--mock', String(uuid)]
  const plain = vfioctl(command, { env: run.env })
  const { status, stdout, stderr } = vfioctl(command, { env: { ...run.env, VFIOCTL_TRACE: '1' } })
  expect({ status, stdout }).toEqual({ status: 0, stdout: plain.stdout })
  expect(plain.stderr).toBe('')
  expect(stderr).toMatch(
    /^ioctl\(\d+<\/dev\/vfio\/\d+>, VFIO_GROUP_GET_STATUS, \{argsz=8\}\) = 0 \{argsz=8, flags=VIABLE\}$/m,
  )
  // once for the size of the answer, and once for the answer
  expect(stderr.match(/VFIO_IOMMU_GET_INFO/g)).toHaveLength(2)
})
