/** One file or sysfs node that could not be read as it should: the rest of a listing goes on without it. */
export interface Warning {
  readonly path: string
  readonly message: string
}
