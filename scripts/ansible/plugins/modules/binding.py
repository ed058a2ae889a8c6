#!/usr/bin/python
# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type

DOCUMENTATION = r'''
module: binding
short_description: Bind devices to VFIO or another driver, or give them back
description:
  - The devices get a driver, now and at every boot; or they go back to the driver that knows them.
  - A device that is in use, such as the disk with the root file system, is not taken.
options:
  device:
    description:
      - PCI addresses, or C(css/0.0.0314), C(platform/NAME) and the like on other buses.
    type: list
    elements: str
    required: true
  state:
    description:
      - C(bound) if they are to have the driver, C(released) if their own.
    type: str
    choices: [bound, released]
    default: bound
  driver:
    description:
      - The name of the driver, C(best) for VFIO's best driver for each, or C(none) to keep all drivers away.
    type: str
    default: best
  group:
    description:
      - If every other endpoint of their IOMMU groups goes with them.
    type: bool
    default: false
  power:
    description:
      - C(on) keeps them awake, C(auto) lets them sleep while nobody uses them.
    type: str
    choices: ['on', auto, default]
  d3cold:
    description:
      - If the kernel may cut their power while they sleep.
    type: bool
  early:
    description:
      - If they get the driver at boot before any other driver sees them, by a rule in the initramfs.
    type: bool
extends_documentation_fragment:
  - vfioctl.host.program
'''

EXAMPLES = r'''
- name: An SSD for virtual machines, now and at every boot
  become: true
  vfioctl.host.binding:
    device: ['0000:82:00.0']

- name: The host's again
  become: true
  vfioctl.host.binding:
    device: ['0000:82:00.0']
    state: released
'''

RETURN = r'''
changes:
  description: What is changed, with the reason.
  returned: always
  type: list
  elements: dict
error:
  description: vfioctl's error, with its code, errno, hint and exit status (exitCode).
  returned: on failure
  type: dict
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vfioctl.host.plugins.module_utils.program import (
    PROGRAM_ARGUMENT, Failure, Program, diff_of, fail, reach,
)


def release(module, program):
    options = ['--group'] if module.params['group'] else []
    options += ['--dry-run'] if module.check_mode else []
    changes = []
    done = False
    try:
        for device in module.params['device']:
            for it in program.call('release', device, *options):
                done = done or it['changed']
                if it['changed']:
                    wanted = 'driver %s' % (it['to'] or 'none')
                    changes.append(dict(name=it['device'], action='release', reason='is with %s' % (it['from'] or 'no driver'), wanted=wanted))
    except Failure as failure:
        fail(module, failure, changed=done and not module.check_mode, changes=changes)
    module.exit_json(changed=done, changes=changes, diff=diff_of(changes))


def main():
    module = AnsibleModule(
        argument_spec=dict(
            device=dict(type='list', elements='str', required=True),
            state=dict(type='str', choices=['bound', 'released'], default='bound'),
            driver=dict(type='str', default='best'),
            group=dict(type='bool', default=False),
            power=dict(type='str', choices=['on', 'auto', 'default']),
            d3cold=dict(type='bool'),
            early=dict(type='bool'),
            **PROGRAM_ARGUMENT
        ),
        supports_check_mode=True,
    )
    program = Program(module)
    if module.params['state'] == 'released':
        release(module, program)
    binding = dict((key, module.params[key]) for key in ('device', 'driver', 'group', 'power', 'd3cold', 'early')
                   if module.params[key] is not None)
    reach(module, program, spec=dict(version=1, bindings=[binding]))


if __name__ == '__main__':
    main()
