import { resolve } from 'node:path'
import { enableCompileCache } from './compile-cache.ts'

enableCompileCache(process.env)

// Loaded only now, when what is compiled can be kept.
import('./run-process.ts').then(({ runProcess }) => runProcess([process.execPath, resolve(process.argv[1] ?? '')]))
