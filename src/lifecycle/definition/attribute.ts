/** One sysfs attribute to write after creation. Their order is the order of the writes. */
export interface Attribute {
  readonly name: string
  readonly value: string
}
