import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cachedPackages } from './cached-packages.ts'

/** A package registry on this machine's loopback: it has what is published to it, and asks npm's own for the rest. */
export interface Registry extends AsyncDisposable {
  readonly url: string
  publish(tarball: string): void
}

export async function startRegistry(): Promise<Registry> {
  // node-fetch, that one of its packages asks for by a tag (cjs), which not every registry serves
  const verdaccio = join(cachedPackages('verdaccio', ['verdaccio@6.3.2'], { 'node-fetch': '2.6.7' }), 'verdaccio')
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-registry-'))
  const config = join(folder, 'config.json')
  const url = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const settings = {
    storage: join(folder, 'storage'),
    uplinks: { public: { url, timeout: '60s' } },
    packages: { vfioctl: { access: '$all', publish: '$all' }, '**': { access: '$all', proxy: 'public' } },
    log: { type: 'stdout', level: 'fatal' },
  }
  writeFileSync(config, JSON.stringify(settings))
  const address = `127.0.0.1:${await freePort()}`
  const server = spawn(process.execPath, [join(verdaccio, 'bin/verdaccio'), '-c', config, '-l', address], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const here = `http://${address}/`
  const stop = async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  if (!(await answers(here, () => server.exitCode !== null))) {
    await stop()
    throw new Error(`verdaccio did not answer on ${here}`)
  }
  return {
    url: here,
    publish(tarball) {
      const userconfig = join(folder, 'npmrc')
      writeFileSync(userconfig, `registry=${here}\n//${address}/:_authToken=anybody\n`)
      execFileSync('npm', ['publish', '--userconfig', userconfig, tarball], { cwd: folder, stdio: 'pipe' })
    },
    [Symbol.asyncDispose]: stop,
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function answers(url: string, hasEnded: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 240 && !hasEnded(); attempt++) {
    const answer = await fetch(`${url}-/ping`).catch(() => null)
    if (answer?.ok === true) return true
    await sleep(250)
  }
  return false
}
