import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '../../cli/pair.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** A real redis-server of this test, on a free port, with its data in a folder of its own. */
export interface RedisServer {
  readonly port: number
  readonly node: string
  readonly folder: string
  process(): ChildProcess
  /** Runs one command over a connection of its own. */
  command(...args: readonly (string | Buffer)[]): Promise<unknown>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Starts it again on its port with its data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const program = () => {
  const installed = join(import.meta.dirname, '..', '..', '.foresize', 'bin', 'redis-server')
  if (existsSync(installed)) return installed
  if (spawnSync('redis-server', ['--version']).status === 0) return 'redis-server'
  throw new Error('no redis-server: run scripts/install-redis.sh .foresize/bin/redis-server')
}

export async function redisServer(options: readonly string[] = []): Promise<RedisServer> {
  const folder = await temporaryDirectory()
  const port = await portWithBus()
  let child = await start()
  async function start(): Promise<ChildProcess> {
    const always = [
      '--port',
      `${port}`,
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
    ]
    const started = spawn(
      program(),
      [...always, '--appendfsync', 'always', '--repl-diskless-sync-delay', '0', ...options],
      { stdio: 'ignore' },
    )
    await answers(port, started)
    return started
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  return {
    port,
    node: `127.0.0.1:${port}`,
    folder,
    process: () => child,
    async command(...args) {
      const client = new Redis({
        port,
        host: '127.0.0.1',
        protocol: 2,
        lazyConnect: true,
        retryStrategy: null,
      })
      client.on('error', () => undefined)
      try {
        await client.connect()
        return await client.call(String(args[0]), ...args.slice(1))
      } finally {
        client.disconnect()
      }
    },
    kill,
    async restart() {
      child = await start()
    },
    async stop() {
      child.kill('SIGCONT')
      await kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * Asks until the answer is as it should be. A server that is promoted closes the connections of its clients: what was
 * under way then is asked again.
 */
export async function untilAnswers(
  server: RedisServer,
  command: readonly string[],
  isRight: (answer: string) => boolean,
): Promise<void> {
  for (;;) {
    const answer = await server.command(...command).catch(() => undefined)
    if (answer !== undefined && isRight(String(answer))) return
    await sleep(50)
  }
}

export const untilReplicates = (replica: RedisServer) =>
  untilAnswers(replica, ['INFO', 'replication'], (info) => info.includes('master_link_status:up'))

/** Three masters, each with a third of the slots, and so many replicas of each. */
export async function redisCluster(replicasOfEach = 0): Promise<{
  readonly nodes: readonly RedisServer[]
  stop(): Promise<void>
}> {
  const nodes = await Promise.all(
    Array.from({ length: 3 * (1 + replicasOfEach) }, () =>
      redisServer(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']),
    ),
  )
  const [first] = nodes as [RedisServer]
  const slots = 16_384
  for (const [i, node] of nodes.entries()) {
    const [from, to] = [Math.floor((slots * i) / 3), Math.floor((slots * (i + 1)) / 3) - 1]
    if (i < 3) await node.command('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`)
    if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', `${first.port}`)
  }
  for (const node of nodes) {
    await untilAnswers(node, ['CLUSTER', 'INFO'], (info) => info.includes('cluster_state:ok'))
    await untilAnswers(node, ['CLUSTER', 'NODES'], (lines) => lines.trim().split('\n').length >= nodes.length)
  }
  for (const [i, node] of nodes.entries()) {
    if (i < 3) continue
    const master = String(await nodes[i % 3]?.command('CLUSTER', 'MYID'))
    await node.command('CLUSTER', 'REPLICATE', master)
    await untilReplicates(node)
  }
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** A master, a replica of it, and a sentinel that watches both. */
export async function redisSentinel() {
  const master = await redisServer()
  const replica = await redisServer(['--replicaof', `127.0.0.1 ${master.port}`])
  const folder = await temporaryDirectory()
  const port = await portWithBus()
  const config = join(folder, 'sentinel.conf')
  await writeFile(
    config,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds mymaster 500',
      'sentinel failover-timeout mymaster 3000',
      '',
    ].join('\n'),
  )
  const sentinel = spawn(program(), [config, '--sentinel'], { stdio: 'ignore' })
  await answers(port, sentinel)
  await untilReplicates(replica)
  return {
    master,
    replica,
    node: `127.0.0.1:${port}`,
    async stop() {
      sentinel.kill('SIGKILL')
      await once(sentinel, 'exit')
      await Promise.all([master.stop(), replica.stop()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A way to a server that can be cut, slowed and mended. */
export interface Wire {
  readonly node: string
  cut(): void
  mend(): void
  delay(ms: number): void
  /** Most bytes that came from one end before the other said anything more. */
  mostSent(): Readonly<Record<'client' | 'server', number>>
  close(): Promise<void>
}

export async function wireTo(port: number): Promise<Wire> {
  let isCut = false
  let delayMs = 0
  const sent = { client: 0, server: 0 }
  const mostSent = { client: 0, server: 0 }
  const sockets = new Set<import('node:net').Socket>()
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = createConnection(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      // In order, also where the delay gets shorter.
      let delivered: Promise<unknown> = Promise.resolve()
      from.on('data', (data) => {
        const [end, other] = from === near ? (['client', 'server'] as const) : (['server', 'client'] as const)
        sent[end] += data.length
        sent[other] = 0
        mostSent[end] = Math.max(mostSent[end], sent[end])
        const arrived = sleep(delayMs)
        delivered = delivered.then(() => arrived).then(() => to.write(data))
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    node: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    cut() {
      isCut = true
      for (const socket of sockets) socket.destroy()
    },
    mend() {
      isCut = false
    },
    delay(ms) {
      delayMs = ms
    },
    mostSent: () => mostSent,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.write('PING\r\n')
      })
      socket.once('data', (reply) => {
        socket.destroy()
        resolve(!reply.toString().includes('LOADING'))
      })
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return
    await sleep(20)
  }
}

/** A port with room 10,000 above it: there a cluster's bus listens. */
async function portWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port < 55_000) return port
  }
}
