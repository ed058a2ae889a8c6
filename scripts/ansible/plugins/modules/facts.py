#!/usr/bin/python
# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type

DOCUMENTATION = r'''
module: facts
short_description: Tell what a host has for virtual machines
description:
  - Fills C(ansible_facts.vfioctl) with what C(vfioctl list), C(types), C(groups) and C(sriov) say, and with the host as a
    spec. Changes nothing.
extends_documentation_fragment:
  - vfioctl.host.program
'''

EXAMPLES = r'''
- name: Find out
  become: true
  vfioctl.host.facts:

- name: Show how many more vGPUs there can be
  ansible.builtin.debug:
    msg: "{{ ansible_facts.vfioctl.types | items2dict(key_name='name', value_name='available') }}"
'''

RETURN = r'''
ansible_facts:
  description: Under C(vfioctl), what the host has.
  returned: always
  type: dict
  contains:
    vfioctl:
      description: The host's devices, types, IOMMU groups, virtual functions, and the host as a spec file.
      returned: always
      type: dict
      contains:
        devices:
          description: Virtual devices, running and defined.
          type: list
          elements: dict
          returned: always
        types:
          description: The types that cards offer, and how many more of each there can be.
          type: list
          elements: dict
          returned: always
        groups:
          description: The IOMMU groups with their devices.
          type: list
          elements: dict
          returned: always
        functions:
          description: Physical functions that can have virtual ones.
          type: list
          elements: dict
          returned: always
        spec:
          description: All that is kept, as a spec that changes nothing here.
          type: dict
          returned: always
'''

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vfioctl.host.plugins.module_utils.program import PROGRAM_ARGUMENT, Failure, Program, fail


def main():
    module = AnsibleModule(argument_spec=dict(**PROGRAM_ARGUMENT), supports_check_mode=True)
    program = Program(module)
    try:
        found = dict(
            devices=program.call('list')['devices'],
            types=program.call('types')['types'],
            groups=program.call('groups')['groups'],
            functions=program.call('sriov')['functions'],
            spec=program.call('export'),
        )
    except Failure as failure:
        fail(module, failure, changed=False)
    module.exit_json(changed=False, ansible_facts=dict(vfioctl=found))


if __name__ == '__main__':
    main()
