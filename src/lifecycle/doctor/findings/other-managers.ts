import { pciAddresses, pciDevices } from '../../../host/pci-bus.ts'
import { readPciIds } from '../../../host/pci-ids.ts'
import { linkedName } from '../../../host/sysfs/links.ts'
import { kindOrNone, listOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { confLines } from '../../bindings/boot-lines.ts'
import { mdevctlRule } from '../../boot/mdevctl-rule.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const common = { severity: 'note', commands: [] as readonly string[], advice: null } as const

/** Other programs that give devices away: libvirt is none, as it does so for its own machines alone. */
export function otherManagers(host: HostReader): Finding[] {
  return [...driverctlTwins(host.files), ...mdevctl(host), ...proxmox(host), ...gpuOperator(host)]
}

/** Its override of one device makes the driver know the device's ids, so that others of the same kind follow. */
function driverctlTwins(files: HostFiles): Finding[] {
  const folder = '/etc/driverctl.d'
  const overridden = listOrNone(files, folder).flatMap((entry) => {
    const isVfio = readOrEmpty(files, `${folder}/${entry}`).trim() === 'vfio-pci'
    return isVfio ? [{ entry, address: entry.replace(/^pci-/, '') }] : []
  })
  if (overridden.length === 0) return []
  const idsOf = (address: string) => {
    const { vendor, device } = readPciIds(files, address, [])
    return vendor === null ? null : `${vendor}:${device}`
  }
  const free = pciAddresses(files).filter((address) => linkedName(files, `${pciDevices}/${address}/driver`) === null)
  return overridden.flatMap(({ entry, address }): Finding[] => {
    const twins = free.filter((twin) => twin !== address && idsOf(twin) === idsOf(address))
    if (twins.length === 0) return []
    return [
      {
        ...common,
        id: 'driverctl-takes-twins',
        device: address,
        message: `driverctl gives ${address} to vfio-pci, and ${twins.join(', ')} of the same kind has no driver`,
        evidence: [seen(`${folder}/${entry}`, 'vfio-pci')],
        consequence: 'driverctl from 0.115 on makes vfio-pci know the kind, and then those follow',
        commands: [`driverctl unset-override ${address}`],
        advice: 'give them a driver of their own, or none: vfioctl bind DEVICE none',
      },
    ]
  })
}

function mdevctl({ files }: HostReader): Finding[] {
  const [message, advice = null] = mdevctlRule(files)
  if (message === undefined) return []
  return [
    {
      ...common,
      id: 'mdevctl-rule',
      device: null,
      message,
      evidence: [seen('60-mdevctl.rules', 'is installed')],
      consequence: 'mediated devices are started by mdevctl’s rule, by vfioctl’s units, or by neither',
      advice,
    },
  ]
}

/** It binds a device itself when it starts the machine. */
function proxmox({ files, devices }: HostReader): Finding[] {
  const lines = confLines(files, '/etc/pve/qemu-server').filter(({ text }) => /^hostpci\d+:/.test(text))
  return devices.flatMap(({ device, name }) => {
    const [, short = device.name] = /^0000:(.*)$/.exec(device.name) ?? []
    const [line] = lines.filter(({ text }) => text.includes(short.replace(/\.\d$/, '')))
    if (line === undefined) return []
    return [
      {
        ...common,
        id: 'proxmox-has-device',
        device: name,
        message: `Proxmox gives ${name} to one of its machines`,
        evidence: [seen(line.place, line.text)],
        consequence: 'it binds the device to vfio-pci itself when that machine starts',
        advice: 'leave the device to one of the two',
      },
    ]
  })
}

function gpuOperator({ files, devices }: HostReader): Finding[] {
  const folder = '/run/nvidia/validations'
  if (kindOrNone(files, folder) === null) return []
  return devices
    .filter(({ device }) => device.bus === 'pci' && readPciIds(files, device.name, []).vendor === '0x10de')
    .map(({ name }) => ({
      ...common,
      id: 'gpu-operator-runs',
      device: name,
      message: `NVIDIA’s GPU Operator runs here, and ${name} is an NVIDIA GPU`,
      evidence: [seen(folder, 'is there')],
      consequence: 'its VFIO and vGPU managers change drivers and vGPUs of every GPU of the node',
      advice: 'label the node nvidia.com/gpu.workload.config for what it is to be, or leave the GPUs to the operator',
    }))
}
