import { VfioError } from '../../base/errors.ts'
import { programPath } from '../../host/program-path.ts'
import type { Kernel } from '../../kernel/kernel.ts'

const mebibyte = 2 ** 20
const timeoutMs = 30_000

/**
 * Refuses what would fill the file system of an image: there must be room for its copy and for a new one beside it,
 * which may be larger. What cannot be found out is passed over: a copy that does not fit fails by itself.
 */
export async function checkRoom(kernel: Kernel, image: string): Promise<void> {
  const stat = programPath(kernel.files, 'stat')
  if (stat === null) return
  const folder = image.slice(0, image.lastIndexOf('/'))
  const [size] = await numbers(kernel, stat, ['-L', '-c', '%s', '--', image])
  const [blocks, blockSize] = await numbers(kernel, stat, ['-f', '-c', '%a %S', '--', folder])
  if (size === undefined || blocks === undefined || blockSize === undefined) return
  const [free, needed] = [blocks * blockSize, 2 * size + 8 * mebibyte]
  if (free >= needed) return
  const inMebibytes = (bytes: number) => `${Math.ceil(bytes / mebibyte)} MiB`
  const what = `${folder} has ${inMebibytes(free)} free; a copy of ${image} and a new one beside it take ${inMebibytes(needed)}`
  throw new VfioError('SYSTEM_CALL_FAILED', `${what}: nothing is changed`, {
    path: folder,
    hint: `df ${folder}; ls -lS ${folder}: take away the images of kernels that are no longer used`,
    facts: { free, needed },
  })
}

async function numbers(kernel: Kernel, path: string, words: readonly string[]): Promise<readonly number[]> {
  try {
    const { status, stdout } = await kernel.runProgram(path, { arguments: words, timeoutMs })
    const found = stdout.trim().split(' ').map(Number)
    return status === 0 && found.every((it) => Number.isSafeInteger(it) && it >= 0) ? found : []
  } catch {
    return []
  }
}
