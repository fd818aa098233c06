import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import { type ChannelCredentials, experimental, type ServerCredentials } from '@grpc/grpc-js'
import { ConfigError } from '../runtime/config-error.ts'
import type { Log } from '../runtime/log.ts'

/** What a server proves itself with, PEM. */
export interface ServerTls {
  readonly certFile: string
  readonly keyFile: string
  /** Clients must show a certificate of these roots. */
  readonly clientCaFile?: string | undefined
}

/** What a client trusts, and what it proves itself with where the server asks, PEM. */
export interface ClientTls {
  readonly caFile: string
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

interface Files {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

interface Loaded {
  readonly ca: experimental.CaCertificateUpdate | null
  readonly identity: experimental.IdentityCertificateUpdate | null
}

export interface CertificateOptions {
  /** The files are read again so often. Default 10,000. */
  readonly reloadMs?: number | undefined
  readonly log?: Log | undefined
}

/**
 * Credentials that follow their files: new connections use what the files hold now, connections that are open go on.
 * Throws: ConfigError where the files cannot be used at the start.
 */
export function serverTlsCredentials(tls: ServerTls, options: CertificateOptions = {}): ServerCredentials {
  const { certFile, keyFile, clientCaFile } = tls
  const provider = followFiles({ certFile, keyFile, caFile: clientCaFile }, options)
  return experimental.createCertificateProviderServerCredentials(
    provider,
    clientCaFile === undefined ? null : provider,
    clientCaFile !== undefined,
  )
}

/**
 * The same for servers of Node's own TLS: `use` is called with what the files hold, soon and whenever that changes.
 * Returns what ends it. Throws: ConfigError where the files cannot be used at the start.
 */
export function followServerTls(
  { certFile, keyFile, clientCaFile }: ServerTls,
  options: CertificateOptions,
  use: (context: Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>) => void,
): () => void {
  const provider = followFiles({ certFile, keyFile, caFile: clientCaFile }, options)
  let identity: experimental.IdentityCertificateUpdate | null = null
  let ca: experimental.CaCertificateUpdate | null = null
  const apply = () => {
    if (identity === null || (clientCaFile !== undefined && ca === null)) return
    const { certificate: cert, privateKey: key } = identity
    use({ cert, key, ...(ca === null ? {} : { ca: ca.caCertificate }) })
  }
  const onIdentity: experimental.IdentityCertificateUpdateListener = (update) => {
    identity = update
    apply()
  }
  const onCa: experimental.CaCertificateUpdateListener = (update) => {
    ca = update
    apply()
  }
  provider.addIdentityCertificateListener(onIdentity)
  if (clientCaFile !== undefined) provider.addCaCertificateListener(onCa)
  return () => {
    provider.removeIdentityCertificateListener(onIdentity)
    provider.removeCaCertificateListener(onCa)
  }
}

/** The same for a client. */
export function clientTlsCredentials(tls: ClientTls, options: CertificateOptions = {}): ChannelCredentials {
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    throw new ConfigError('a client certificate and its key go together')
  }
  const provider = followFiles(tls, options)
  return experimental.createCertificateProviderChannelCredentials(
    provider,
    tls.certFile === undefined ? null : provider,
  )
}

/** When the certificate of a file ends, in Unix seconds; undefined where there is none to read. */
export function certificateExpiryUnixSeconds(certFile: string): number | undefined {
  try {
    return new X509Certificate(readFileSync(certFile)).validToDate.getTime() / 1000
  } catch {
    return undefined
  }
}

/**
 * Files are polled, not watched: a mounted Kubernetes secret changes by a link being swapped, which watchers miss.
 * Law: what cannot be used (half written, a key that is not the certificate's) changes nothing; grpc-js's own provider
 * would leave the server without a certificate until the next look.
 */
function followFiles(files: Files, { reloadMs = 10_000, log }: CertificateOptions) {
  let loaded = load(files)
  let problem: string | undefined
  let timer: NodeJS.Timeout | undefined
  const caListeners = new Set<experimental.CaCertificateUpdateListener>()
  const identityListeners = new Set<experimental.IdentityCertificateUpdateListener>()

  function reload(): void {
    let next: Loaded
    try {
      next = load(files)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== problem)
        log?.warn({ problem: message }, 'new certificates cannot be used; the old ones stay')
      problem = message
      return
    }
    problem = undefined
    const isNewCa = !isSame(next.ca?.caCertificate, loaded.ca?.caCertificate)
    const isNewIdentity =
      !isSame(next.identity?.certificate, loaded.identity?.certificate) ||
      !isSame(next.identity?.privateKey, loaded.identity?.privateKey)
    if (!isNewCa && !isNewIdentity) return
    loaded = next
    log?.info({ files }, 'certificates were renewed')
    if (isNewCa) for (const listener of caListeners) listener(loaded.ca)
    if (isNewIdentity) for (const listener of identityListeners) listener(loaded.identity)
  }

  function followWhileListened(): void {
    const isListened = caListeners.size + identityListeners.size > 0
    if (isListened && timer === undefined) timer = setInterval(reload, reloadMs).unref()
    if (!isListened) {
      clearInterval(timer)
      timer = undefined
    }
  }

  return {
    addCaCertificateListener(listener) {
      if (timer === undefined) reload()
      caListeners.add(listener)
      followWhileListened()
      process.nextTick(() => listener(loaded.ca))
    },
    removeCaCertificateListener(listener) {
      caListeners.delete(listener)
      followWhileListened()
    },
    addIdentityCertificateListener(listener) {
      if (timer === undefined) reload()
      identityListeners.add(listener)
      followWhileListened()
      process.nextTick(() => listener(loaded.identity))
    },
    removeIdentityCertificateListener(listener) {
      identityListeners.delete(listener)
      followWhileListened()
    },
  } satisfies experimental.CertificateProvider
}

function load({ caFile, certFile, keyFile }: Files): Loaded {
  return {
    ca: caFile === undefined ? null : { caCertificate: readCertificates(caFile) },
    identity: certFile === undefined || keyFile === undefined ? null : readPair(certFile, keyFile),
  }
}

/** What is checked is what is used: each file is read once. Never says what the key's file holds. */
function readPair(certFile: string, keyFile: string): experimental.IdentityCertificateUpdate {
  const certificate = readCertificates(certFile)
  return using(keyFile, () => {
    const privateKey = readFileSync(keyFile)
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))) {
      throw new Error(`is not the key of ${certFile}`)
    }
    return { certificate, privateKey }
  })
}

function readCertificates(file: string): Buffer {
  return using(file, () => {
    const pem = readFileSync(file)
    new X509Certificate(pem)
    return pem
  })
}

function using<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new ConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b)
}
