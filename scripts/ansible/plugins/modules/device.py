#!/usr/bin/python
# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type

DOCUMENTATION = r'''
module: device
short_description: Have a virtual device, or have it no more
description:
  - A mediated device, a vGPU or a function with a share of an Intel GPU. It runs, and it is defined, so that it comes back
    at boot; or it is stopped and its definition is deleted.
options:
  name:
    description:
      - The UUID of a mediated device, or the PCI address of the virtual function that is to be a vGPU or has a share.
    type: str
    required: true
  state:
    description:
      - C(present) if it is to run and to be defined, C(absent) if neither.
    type: str
    choices: [present, absent]
    default: present
  parent:
    description:
      - The card or other parent that carries it. Needed if it is to be present.
    type: str
  type:
    description:
      - The type by its id or its name, as C(vfioctl types) lists it.
    type: str
  vram:
    description:
      - The VRAM of a function of an Intel GPU, such as C(8GiB).
    type: str
  quantum:
    description:
      - The time that a function of an Intel GPU runs in a row, such as C(10ms).
    type: str
  timeout:
    description:
      - The time after which a function of an Intel GPU is stopped if it does not give way, such as C(20ms).
    type: str
  priority:
    description:
      - The priority of the functions of an Intel GPU.
    type: str
    choices: [low, normal]
  autostart:
    description:
      - If it starts whenever its parent appears, as at every boot.
    type: bool
    default: true
  attributes:
    description:
      - Attributes that vfioctl writes, in this order, before the device is used. Each has one name and its value.
    type: list
    elements: dict
    default: []
  owner:
    description:
      - The owner of its node in /dev.
    type: dict
    suboptions:
      user:
        description: The name or number of the user.
        type: str
      group:
        description: The name or number of the group.
        type: str
      mode:
        description: The permissions as octal digits in quotes.
        type: str
extends_documentation_fragment:
  - vfioctl.host.program
'''

EXAMPLES = r'''
- name: A mediated device, now and at every boot
  become: true
  vfioctl.host.device:
    name: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
    parent: '0000:3b:00.0'
    type: nvidia-222

- name: The same no more
  become: true
  vfioctl.host.device:
    name: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
    state: absent
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

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vfioctl.host.plugins.module_utils.program import (
    PROGRAM_ARGUMENT, Failure, Program, diff_of, fail, reach,
)

SHARES = ('vram', 'quantum', 'timeout', 'priority')
IS_ADDRESS = re.compile(r'^([0-9a-fA-F]{4,8}[:_])?[0-9a-fA-F]{2}[:_][0-9a-fA-F]{2}[._][0-7]$')


def entry_of(given):
    entry = dict((key, given[key]) for key in ('type',) + SHARES if given[key] is not None)
    entry['function' if IS_ADDRESS.match(given['name']) else 'uuid'] = given['name']
    entry['autostart'] = given['autostart']
    if given['attributes']:
        entry['attributes'] = given['attributes']
    owner = dict((key, value) for key, value in (given['owner'] or {}).items() if value is not None)
    if owner:
        entry['owner'] = owner
    return entry


def remove(module, program):
    name = module.params['name']
    changes = []
    try:
        found = program.call('list', name)['devices']
    except Failure as failure:
        if failure.error.get('code') != 'NOT_FOUND':
            fail(module, failure, changed=False)
        found = []
    for it in found:
        reason = 'runs' if it['active'] else 'is defined'
        changes.append(dict(name=it['name'], action='remove', reason=reason, wanted='%s on %s' % (it['type'], it['parent'])))
    done = False
    try:
        for verb, has in (('stop', 'active'), ('undefine', 'definition')):
            if not module.check_mode and any(it[has] for it in found):
                program.call(verb, name)
                done = True
    except Failure as failure:
        fail(module, failure, changed=done, changes=changes)
    module.exit_json(changed=bool(found), changes=changes, diff=diff_of(changes))


def main():
    text = dict(type='str')
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type='str', required=True),
            state=dict(type='str', choices=['present', 'absent'], default='present'),
            parent=text,
            type=text,
            vram=text,
            quantum=text,
            timeout=text,
            priority=dict(type='str', choices=['low', 'normal']),
            autostart=dict(type='bool', default=True),
            attributes=dict(type='list', elements='dict', default=[]),
            owner=dict(type='dict', options=dict(user=text, group=text, mode=text)),
            **PROGRAM_ARGUMENT
        ),
        required_if=[('state', 'present', ('parent',)), ('state', 'present', ('type',) + SHARES, True)],
        supports_check_mode=True,
    )
    program = Program(module)
    if module.params['state'] == 'absent':
        remove(module, program)
    entry = entry_of(module.params)
    spec = dict(version=1, parents=[dict(parent=module.params['parent'], devices=[entry])])
    reach(module, program, spec=spec)


if __name__ == '__main__':
    main()
