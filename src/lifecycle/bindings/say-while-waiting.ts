/** How long a write may take before somebody wonders, and how often it is said again, in milliseconds. */
const first = 2_000
const again = 10_000

/** Waits for work that nothing can hurry, and says so now and then. */
export async function sayWhileWaiting<T>(work: Promise<T>, say: () => void): Promise<T> {
  let timer = setTimeout(function sayAgain() {
    say()
    timer = setTimeout(sayAgain, again)
  }, first)
  try {
    return await work
  } finally {
    clearTimeout(timer)
  }
}
