/** A process that holds a device open. */
export interface DeviceUser {
  readonly pid: number
  /** The command's name: /proc/PID/comm. */
  readonly command: string
}
