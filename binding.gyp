{
  'variables': { 'sanitize%': 0, 'werror%': 0 },
  'targets': [
    {
      'target_name': 'vfioctl',
      'sources': [
        'native/addon.cc',
        'native/bus_error.cc',
        'native/events.cc',
        'native/ioctl.cc',
        'native/memory.cc',
        'native/sockets.cc',
        'native/syscalls.cc',
      ],
      'dependencies': ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api"],
      'defines': ['NAPI_VERSION=9', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS', '_FILE_OFFSET_BITS=64'],
      'cflags_cc': ['-Wall', '-Wextra', '-fvisibility=hidden'],
      # The SIGBUS handler outlives the Worker that loaded the addon: its code must never be unmapped.
      'ldflags': ['-Wl,-z,nodelete'],
      'conditions': [
        ['werror==1', { 'cflags_cc': ['-Werror'] }],
        ['sanitize==1', {
          'cflags_cc': ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer', '-g'],
          'ldflags': ['-fsanitize=address,undefined'],
        }],
      ],
    },
  ],
}
