# Copyright: the authors of vfioctl
# MIT License (see LICENSE)
"""Runs vfioctl for the modules: its JSON, its errors, its plans."""
from __future__ import (absolute_import, division, print_function)
__metaclass__ = type

import json

PROGRAM_ARGUMENT = dict(executable=dict(type='str', default='vfioctl'))


class Failure(Exception):
    """vfioctl's own error: what was tried, what the kernel said, the command that helps."""

    def __init__(self, error, answer=None):
        super(Failure, self).__init__(error.get('message'))
        self.error = error
        self.answer = answer


class Program(object):
    """vfioctl on the host."""

    def __init__(self, module):
        self.module = module
        self.path = module.get_bin_path(module.params['executable'], required=True)

    def call(self, *words, **given):
        """The JSON that a command prints, given the text `stdin`. Raises Failure with the error that it ends with."""
        command = [self.path] + list(words) + ['--json']
        status, out, err = self.module.run_command(command, data=given.get('stdin'), binary_data=True)
        answer = parsed(out)
        if status == 0 and answer is not None:
            return answer
        raise Failure(error_in(err) or dict(message='vfioctl ended with %s: %s' % (status, (err or out).strip()[:2000])), answer)


# Keys whose values are numbers, or may be.
NUMBERS = ('version', 'count', 'sriov', 'virtfn')


def with_numbers(value, key=None):
    """A spec with numbers where a template made text of them: '{{ count }}' is '2'."""
    if isinstance(value, dict):
        return dict((name, with_numbers(each, name)) for name, each in value.items())
    if isinstance(value, list):
        return [with_numbers(each, key) for each in value]
    return int(value) if key in NUMBERS and isinstance(value, str) and value.isdigit() else value


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def error_in(text):
    """The last line of stderr that is an error; messages of vendors' scripts may stand before it."""
    for line in reversed(text.splitlines()):
        found = parsed(line)
        if isinstance(found, dict) and isinstance(found.get('error'), dict):
            return found['error']
    return None


def fail(module, failure, **facts):
    """Ends the module with vfioctl's words. Its exit status is a fact: Ansible takes a key rc for its own."""
    error = failure.error
    hint = error.get('hint')
    module.fail_json(msg=error.get('message') + ('; hint: %s' % hint if hint else ''), error=error, **facts)


def items_of(plan):
    """What a plan does, in the order in which it is done."""
    items = plan['bindings'] + plan['sriov'] + plan['gpuModes'] + plan['entries']
    return [item for item in items if item['action'] != 'keep']


def name_of(item):
    return item.get('name') or item.get('device') or 'a device of type %s' % item.get('type')


def wanted_of(item):
    if 'driver' in item and 'type' not in item:
        return 'driver %s' % item['driver']
    if 'count' in item:
        return '%s virtual functions' % item['count']
    if 'modes' in item:
        return 'modes %s' % json.dumps(item['modes'], sort_keys=True)
    return '%s on %s' % (item['type'], item['parent'])


def changes_of(plan):
    return [
        dict(name=name_of(item), action=item['action'], reason=item['reason'], wanted=wanted_of(item))
        for item in items_of(plan)
    ]


def diff_of(changes):
    """Before: what is there and why it is not right. After: what there will be."""
    before = ['%s: %s' % (it['name'], it['reason']) for it in changes]
    after = ['%s: %s' % (it['name'], it['wanted']) for it in changes if it['action'] != 'remove']
    return dict(before='\n'.join(before) + '\n' if before else '', after='\n'.join(after) + '\n' if after else '')


NOTHING_APPLIED = dict(done=[], failed=[], takenBack=[], remaining=[])


def reach(module, program, spec=None, path='-', config=(), keep_going=False, force=False):
    """Plans a spec, and applies it but in check mode; ends the module."""
    stdin = None if spec is None else json.dumps(with_numbers(spec))
    source = [path] + list(config)
    try:
        plan = program.call('plan', *source, stdin=stdin)
    except Failure as failure:
        if failure.answer is None or not keep_going:
            fail(module, failure, changed=False)
        plan = failure.answer
    changes = changes_of(plan)
    facts = dict(changes=changes, diff=diff_of(changes), warnings_of_host=plan['warnings'])
    if module.check_mode or not changes:
        module.exit_json(changed=bool(changes), **facts)
    try:
        options = ['--yes'] + (['--keep-going'] if keep_going else []) + (['--force'] if force else [])
        answer = program.call('apply', *(source + options), stdin=stdin)
    except Failure as failure:
        applied = (failure.answer or {}).get('applied') or NOTHING_APPLIED
        fail(module, failure, changed=bool(applied['done']), applied=applied, **facts)
    applied = answer['applied'] or NOTHING_APPLIED
    module.exit_json(changed=bool(applied['done']), applied=applied, **facts)
