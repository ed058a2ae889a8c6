# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type


class ModuleDocFragment(object):
    DOCUMENTATION = r'''
options:
  executable:
    description:
      - The vfioctl to run on the host, by its name in the PATH or by its path.
    type: str
    default: vfioctl
requirements:
  - vfioctl on the host
author:
  - The authors of vfioctl (@vfioctl)
'''
