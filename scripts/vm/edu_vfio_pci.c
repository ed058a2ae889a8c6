// SPDX-License-Identifier: GPL-2.0
// A driver of VFIO for QEMU's edu alone, as vendors have them for their cards: the test's own, on top of vfio-pci-core.
// It adds nothing to that; what it is for is its alias, `vfio_pci:v00001234d000011E8…`, by which it is found.
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

static int edu_open_device(struct vfio_device *core)
{
	struct vfio_pci_core_device *device = container_of(core, struct vfio_pci_core_device, vdev);
	int ret = vfio_pci_core_enable(device);

	if (ret == 0)
		vfio_pci_core_finish_enable(device);
	return ret;
}

static const struct vfio_device_ops edu_ops = {
	.name = "edu-vfio-pci",
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = edu_open_device,
	.close_device = vfio_pci_core_close_device,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_core_device *device;
	int ret;

	device = vfio_alloc_device(vfio_pci_core_device, vdev, &pdev->dev, &edu_ops);
	if (IS_ERR(device))
		return PTR_ERR(device);
	dev_set_drvdata(&pdev->dev, device);
	ret = vfio_pci_core_register_device(device);
	if (ret)
		vfio_put_device(&device->vdev);
	return ret;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *device = dev_get_drvdata(&pdev->dev);

	vfio_pci_core_unregister_device(device);
	vfio_put_device(&device->vdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(0x1234, 0x11e8) },
	{}
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu-vfio-pci",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};
module_pci_driver(edu_driver);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO driver for QEMU's edu, for tests");
