/// <reference lib="esnext.disposable" preserve="true" />

// Types of the platform that the declarations of this package name, for users that have neither Node's types nor the
// DOM's in scope; for those who have them, these are the same.
declare global {
  interface AbortSignal {
    readonly aborted: boolean
  }
}

export {}
