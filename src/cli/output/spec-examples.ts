/** A spec file to begin with. */
export interface SpecExample {
  /** The host that it is for, in a sentence. */
  readonly what: string
  /** The simulated host that it can be tried on. */
  readonly mock: string
  readonly text: string
}

/** The examples by what they are of, for `vfioctl spec example` and vfioctl-spec(5). */
export const specExamples: Readonly<Record<string, SpecExample>> = {
  host: {
    what: 'Two vGPUs on a T4, with nodes that their group can use, a serial port that is started on demand, and an audio function for a virtual machine',
    mock: 'demo',
    text: `\
bindings:
  - device: 00:1f.3
    group: true
parents:
  - parent: 3b:00.0
    devices:
      - type: GRID T4-4Q
        count: 2
        owner: { group: root, mode: "0660" }
  - parent: mtty
    devices:
      - type: mtty-2
        uuid: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1002
        autostart: false
`,
  },
  bindings: {
    what: 'A driver by vendor and device ids, in place of an address',
    mock: 'demo',
    text: `\
bindings:
  - device: { vendor: "8086", device: "a348" }
    driver: none
`,
  },
  mdev: {
    what: 'Whatever card offers a type, and nothing else on it',
    mock: 'demo',
    text: `\
parents:
  - parent: { anyWith: mtty-2 }
    others: remove
    devices:
      - type: mtty-2
        count: 3
        attributes: []
`,
  },
  vgpu: {
    what: 'vGPUs of NVIDIA’s newer drivers: all virtual functions of the card, then one vGPU by its address and one more anywhere',
    mock: 'gpu-host',
    text: `\
parents:
  - parent: 41:00.0
    sriov: all
    devices:
      - { type: L40S-24Q, function: "41:00.4" }
      - { type: L40S-24Q, count: 1 }
`,
  },
  mig: {
    what: 'GPU instances (MIG) of a GPU of NVIDIA’s, in the order in which they are made',
    mock: 'blackwell',
    text: `\
parents:
  - parent: 41:00.0
    sriov: all
    mig:
      - { profile: 1g.24gb+gfx, count: 4 }
`,
  },
  xe: {
    what: 'Shares of an Intel GPU for four functions, which the host’s driver does not get',
    mock: 'arc-pro',
    text: `\
parents:
  - parent: 03:00.0
    sriov: { count: 4, autoprobe: false }
    devices:
      - { function: "03:00.1", vram: 8GiB, quantum: 10ms, driver: xe-vfio-pci }
      - { count: 3, vram: 2GiB }
`,
  },
  sriov: {
    what: 'Virtual functions of any card, none for the host’s driver, and two of them for VFIO',
    mock: 'gpu-host',
    text: `\
parents:
  - parent: 81:00.0
    sriov: { count: 4, autoprobe: false }
bindings:
  - device: { card: 81:00.0, virtfn: [0, 1] }
    driver: vfio-pci
`,
  },
}

/** The whole file, with what it is and how it is tried. */
export function specExampleFile({ what, mock, text }: SpecExample): string {
  return `# ${what}.\n# To try it on a simulated host: vfioctl plan --mock=${mock} FILE\nversion: 1\n${text}`
}
