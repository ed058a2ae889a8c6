// The single executable's entry: its own code comes compiled, and needs no cache in anybody's home.
import('./run-process.ts').then(({ runProcess }) => runProcess([process.execPath]))
