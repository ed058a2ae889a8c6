// create-devices.mjs MOCK DIRECTORY FIRST COUNT SHARED: makes COUNT serial devices, tries the UUID that all share, and
// counts in a file under a lock. Prints what came of the shared UUID.
const [, , mock, stateDirectory, first, count, shared] = process.argv
const { createMockKernel } = await import(mock)
const kernel = createMockKernel('demo', { stateDirectory })
const create = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create'

const outcome = await kernel.files.write(create, shared).then(
  () => 'created',
  (error) => error.code,
)
for (let index = 0; index < Number(count); index++) {
  const number = String(Number(first) + index).padStart(12, '0')
  await kernel.files.write(create, `00000000-0000-4000-8000-${number}`)
  const lock = kernel.open('/etc/counter', 'r')
  while (!kernel.tryLock(lock)) await new Promise((resolve) => setTimeout(resolve, 1))
  await kernel.files.write('/etc/counter', String(Number(kernel.files.read('/etc/counter')) + 1).padStart(4, '0'))
  kernel.close(lock)
}
kernel.dispose()
process.stdout.write(outcome)
