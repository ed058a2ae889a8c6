import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A throw-away folder that looks like a host's root: sysfs as plain files, nothing behind them. */
export class HostTree {
  readonly root: string = mkdtempSync(join(tmpdir(), 'vfioctl-host-'))

  constructor() {
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }))
  }

  file(path: string, content: string | Uint8Array): this {
    const at = join(this.root, path)
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, content)
    return this
  }

  directory(path: string): this {
    mkdirSync(join(this.root, path), { recursive: true })
    return this
  }

  link(path: string, target: string): this {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    symlinkSync(target, join(this.root, path))
    return this
  }

  /** A parent under /sys/devices with one type; call again for more types. */
  type(parent: string, type: string, attributes: Readonly<Record<string, string>>): this {
    const device = `sys/devices/pci0000:00/${parent}`
    this.directory(`${device}/mdev_supported_types/${type}/devices`)
    for (const [name, content] of Object.entries({ create: '', ...attributes })) {
      this.file(`${device}/mdev_supported_types/${type}/${name}`, content)
    }
    try {
      this.link(`sys/class/mdev_bus/${parent}`, `../../devices/pci0000:00/${parent}`)
    } catch {
      // the parent is linked already
    }
    return this
  }

  /** A running device, in IOMMU group `group`. */
  mdev(uuid: string, parent: string, type: string, group: number): this {
    const device = `sys/devices/pci0000:00/${parent}/${uuid}`
    this.file(`${device}/remove`, '')
    this.link(`${device}/mdev_type`, `../mdev_supported_types/${type}`)
    this.link(`${device}/iommu_group`, `../../../../kernel/iommu_groups/${group}`)
    this.link(`sys/bus/mdev/devices/${uuid}`, `../../../devices/pci0000:00/${parent}/${uuid}`)
    this.file(`dev/vfio/${group}`, '')
    return this
  }

  definition(parent: string, uuid: string, content: string): this {
    return this.file(`etc/mdevctl.d/${parent}/${uuid}`, content)
  }
}

/** UUIDs that tests name. */
export const uuids = [
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001',
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002',
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1003',
] as const
