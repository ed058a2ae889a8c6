/** Closes all of these, first to last, whatever fails on the way; then throws the first failure. */
export function closeInOrder(resources: readonly { close(): void }[]): void {
  const failures: unknown[] = []
  for (const resource of resources) {
    try {
      resource.close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** Runs the next step of opening something; if it fails, closes what is open already and keeps the step's error. */
export function orClose<T>(opened: readonly { close(): void }[], step: () => T): T {
  try {
    return step()
  } catch (error) {
    try {
      closeInOrder(opened)
    } catch {
      // the step's error is the one that explains
    }
    throw error
  }
}
