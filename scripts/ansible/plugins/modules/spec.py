#!/usr/bin/python
# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type

DOCUMENTATION = r'''
module: spec
short_description: Make a host as a vfioctl spec says
description:
  - Creates, changes and removes virtual devices, virtual functions, modes of GPUs and drivers, until the host is as the spec
    says, now and at every boot. What is right already is left alone.
  - What is in use is not taken away. The module fails before it changes anything then, and says who uses it.
options:
  spec:
    description:
      - The content of a spec file, as vfioctl-spec(5) describes it.
    type: dict
  path:
    description:
      - The path of a spec file on the host, or of a file of NVIDIA's vgpu-device-manager.
    type: path
  config:
    description:
      - The config to take from a file of NVIDIA's vgpu-device-manager.
    type: str
  keep_going:
    description:
      - Go on with the other devices if one fails. The module fails all the same.
    type: bool
    default: false
  force:
    description:
      - Go on in spite of a vendor's script that forbids a change.
    type: bool
    default: false
extends_documentation_fragment:
  - vfioctl.host.program
'''

EXAMPLES = r'''
- name: Two vGPUs on each card that offers the type
  become: true
  vfioctl.host.spec:
    spec:
      version: 1
      parents:
        - parent: { anyWith: L40S-24Q }
          devices:
            - { type: L40S-24Q, count: 2 }

- name: The driver of an SSD, by a file that is on the host
  become: true
  vfioctl.host.spec:
    path: /etc/vfioctl.yaml
'''

RETURN = r'''
changes:
  description: What the spec changes, in order.
  returned: always
  type: list
  elements: dict
  sample:
    - name: '0000:82:00.0'
      action: bind
      reason: is with nvme
      wanted: driver vfio-pci
applied:
  description: The names of what was done, taken back and not begun, and what failed with its reason.
  returned: if something was to be changed, not in check mode
  type: dict
warnings_of_host:
  description: What of the host could not be read.
  returned: always
  type: list
  elements: dict
error:
  description: vfioctl's error, with its code, errno, hint and exit status (exitCode).
  returned: on failure
  type: dict
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vfioctl.host.plugins.module_utils.program import PROGRAM_ARGUMENT, Program, reach


def main():
    module = AnsibleModule(
        argument_spec=dict(
            spec=dict(type='dict'),
            path=dict(type='path'),
            config=dict(type='str'),
            keep_going=dict(type='bool', default=False),
            force=dict(type='bool', default=False),
            **PROGRAM_ARGUMENT
        ),
        mutually_exclusive=[('spec', 'path')],
        required_one_of=[('spec', 'path')],
        supports_check_mode=True,
    )
    given = module.params
    config = [] if given['config'] is None else ['--config', given['config']]
    chosen = dict(config=config, keep_going=given['keep_going'], force=given['force'])
    reach(module, Program(module), spec=given['spec'], path=given['path'] or '-', **chosen)


if __name__ == '__main__':
    main()
