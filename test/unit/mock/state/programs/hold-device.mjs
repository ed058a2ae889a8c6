// hold-device.mjs MOCK DIRECTORY UUID: opens the device, writes two bytes into its first port, takes a lock, says
// 'ready', and ends without closing anything when its stdin does.
const [, , mock, stateDirectory, uuid] = process.argv
const { createMockKernel, request } = await import(mock)
const kernel = createMockKernel('demo', { stateDirectory })
const group = kernel.files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`).split('/').at(-1)
const containerFd = kernel.open('/dev/vfio/vfio', 'rw')
const groupFd = kernel.open(`/dev/vfio/${group}`, 'rw')
const number = Buffer.alloc(4)
number.writeInt32LE(containerFd)
kernel.ioctl(groupFd, request.VFIO_GROUP_SET_CONTAINER, number)
kernel.ioctl(containerFd, request.VFIO_SET_IOMMU, 1)
const device = kernel.ioctl(groupFd, request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from(`${uuid}\0`))
for (const byte of [0x41, 0x42]) kernel.pwrite(device, Uint8Array.of(byte), 0)
kernel.tryLock(kernel.open('/etc/mdevctl.d', 'r'))
process.stdout.write('ready')
process.stdin.resume().on('end', () => process.exit(0))
