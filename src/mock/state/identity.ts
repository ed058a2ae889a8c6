/** A name no other process makes. Not secret, so not worth loading node:crypto when a command starts. */
export function newIdentity(): string {
  return `${process.pid.toString(36)}-${process.hrtime.bigint().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
}
