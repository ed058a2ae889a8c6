import { Document, isScalar } from 'yaml'
import type { SpecFile } from '../spec/spec-file.ts'

/** A comment behind a value of a spec file. */
export interface SpecComment {
  /** The way to the value: ['parents', 0, 'parent']. */
  readonly path: readonly (string | number)[]
  readonly text: string
}

/** A spec file as YAML, with these comments. */
export function specText(spec: SpecFile, comments: readonly SpecComment[]): string {
  const document = new Document(spec)
  for (const { path, text } of comments) {
    const value = document.getIn(path, true)
    if (isScalar(value)) value.comment = ` ${text}`
  }
  return document.toString({ lineWidth: 0 })
}
