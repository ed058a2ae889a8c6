/** The directories that every host has, without a file in them. */
export const plainDisk: Readonly<Record<string, null>> = {
  '/etc': null,
  '/etc/mdevctl.d': null,
  '/run': null,
  '/tmp': null,
  '/usr': null,
  '/usr/lib': null,
  '/var': null,
  '/var/lib': null,
}
