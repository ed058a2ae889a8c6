import { isSystemError } from '../../base/system-error.ts'
import { kindOrNone, listOrNone } from '../../host/sysfs/readable.ts'
import type { Kernel, Watch } from '../../kernel/kernel.ts'
import { kinds } from '../kinds/kinds.ts'

/** Folders of each kind's definitions, whose files are in folders below. */
const roots = new Set(kinds.map((kind) => kind.definitionFolder))

/** Tells when a definition may have come, changed or gone. */
export class DefinitionFolders {
  readonly #kernel: Kernel
  readonly #onChange: () => void
  #watches: Watch[] = []
  /** A folder that is made anew needs a new watch. */
  #isStale = true

  constructor(kernel: Kernel, onChange: () => void) {
    this.#kernel = kernel
    this.#onChange = onChange
  }

  /** To be called before the definitions are read: what changes from here on is told. */
  listen(): void {
    if (!this.#isStale) return
    this.close()
    this.#isStale = false
    for (const root of roots) {
      if (!this.#watch(root)) this.#watch('/etc')
      for (const name of this.#foldersIn(root)) this.#watch(`${root}/${name}`)
    }
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
    this.#watches = []
    this.#isStale = true
  }

  /** True if it can be watched; else it is looked at now and then all the same. */
  #watch(path: string): boolean {
    try {
      const watch = this.#kernel.watchDirectory(path, () => {
        this.#isStale = true
        this.#onChange()
      })
      this.#watches.push(watch)
      return true
    } catch (error) {
      if (isSystemError(error)) return false
      throw error
    }
  }

  #foldersIn(root: string): string[] {
    const { files } = this.#kernel
    return listOrNone(files, root).filter((name) => kindOrNone(files, `${root}/${name}`) === 'directory')
  }
}
