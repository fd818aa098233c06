import { status } from '@grpc/grpc-js'
import { formatDuration } from '../../shared/domain/quantity-text.ts'
import type { ServiceName } from '../defaults.ts'
import type { TlsFinding } from './probe.ts'

export type ServiceCheck = 'reachable' | 'tls' | 'access' | 'clock' | 'version' | 'store' | 'feed'

export type KubernetesCheck = 'configuration' | 'kubernetes' | 'namespaces' | 'pods'

export interface Finding {
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly service: ServiceName | 'admission' | 'agent'
  readonly check: ServiceCheck | KubernetesCheck
  /** What was found. */
  readonly found: string
  /** What to do; empty where all is well. */
  readonly advice: string
}

const dayMs = 86_400_000
const maxClockOffsetMs = 5000
const maxStalenessMs = 60_000

type Judge<Given extends readonly unknown[]> = (service: ServiceName, ...given: Given) => Finding

const finding = (
  verdict: Finding['verdict'],
  service: ServiceName,
  check: Finding['check'],
  found: string,
  advice = '',
): Finding => ({ verdict, service, check, found, advice })

export const judgeReach: Judge<[target: string, problem: string | undefined]> = (service, target, problem) =>
  problem === undefined
    ? finding('ok', service, 'reachable', target)
    : finding(
        'fail',
        service,
        'reachable',
        `${target}: ${problem}`,
        `Is the ${service} running, and is this its address? --${service} names another. In a cluster, a NetworkPolicy lets in only namespaces with the label foresize.dev/client: "true".`,
      )

export const judgeTls: Judge<[seen: TlsFinding | undefined, isOnThisHost: boolean, nowUnixMs: number]> = (
  service,
  seen,
  isOnThisHost,
  nowUnixMs,
) => {
  if (seen === undefined) {
    return isOnThisHost
      ? finding('ok', service, 'tls', 'plain text, within this host')
      : finding(
          'warn',
          service,
          'tls',
          'plain text over the network',
          `Give the ${service} --tls-cert-file and --tls-key-file, and clients the CA: --ca or FORESIZE_CA_FILE.`,
        )
  }
  if (!seen.isTrusted) {
    return finding(
      'fail',
      service,
      'tls',
      seen.reason,
      'Is --ca the CA of the server’s certificate, is the address a name that it has, has it expired, does the server ask for a client certificate (--cert, --key), does it speak TLS at all?',
    )
  }
  const leftMs = seen.expiresUnixMs - nowUnixMs
  const found = `${seen.protocol}, certificate ends in ${Math.floor(leftMs / dayMs)} days`
  return leftMs > 14 * dayMs
    ? finding('ok', service, 'tls', found)
    : finding('warn', service, 'tls', found, 'Renew it: the files are read again while the service runs.')
}

/** `open`: what the same call without a token ended with, where one was given. */
export const judgeAccess: Judge<
  [code: status, details: string, open: status | undefined, isOnThisHost: boolean]
> = (service, code, details, open, isOnThisHost) => {
  switch (code) {
    case status.OK:
      if (open === status.OK || (open === undefined && !isOnThisHost)) {
        return finding(
          'warn',
          service,
          'access',
          'anyone is let in',
          `Give the ${service} a --tokens-file, or --tls-client-ca-file.`,
        )
      }
      return finding(
        'ok',
        service,
        'access',
        open === undefined ? 'let in, no token needed' : 'let in by token',
      )
    case status.UNAUTHENTICATED:
      return finding(
        'fail',
        service,
        'access',
        details,
        `Give a token: --token-file or FORESIZE_TOKEN_FILE. It must be in the ${service}'s tokens file, by its SHA-256, and not have expired.`,
      )
    case status.PERMISSION_DENIED:
      return finding(
        'warn',
        service,
        'access',
        details,
        'The token is known but may not do this. The checks that are left out need the role operator for the --namespace given.',
      )
    default:
      return finding(
        'fail',
        service,
        'access',
        `${status[code]}: ${details}`,
        `Look at the ${service}'s log.`,
      )
  }
}

export const judgeClock: Judge<[offsetMs: number]> = (service, offsetMs) => {
  const found = `${formatDuration(Math.abs(offsetMs))} ${offsetMs < 0 ? 'behind' : 'ahead of'} this host`
  return Math.abs(offsetMs) <= maxClockOffsetMs
    ? finding('ok', service, 'clock', found)
    : finding(
        'warn',
        service,
        'clock',
        found,
        'Nothing learned depends on it, but certificates and tokens expire by it: let both hosts keep time by NTP.',
      )
}

export const judgeVersion: Judge<[theirs: string, ours: string]> = (service, theirs, ours) => {
  const minor = (version: string) => version.split('.').slice(0, 2).join('.')
  return minor(theirs) === minor(ours)
    ? finding('ok', service, 'version', theirs)
    : finding('warn', service, 'version', `${theirs}, this command is ${ours}`, 'Bring both to one version.')
}

export const judgeStore: Judge<[store: string, durability: string]> = (service, store, durability) => {
  if (durability === 'memory') {
    return finding(
      'warn',
      service,
      'store',
      `${store}: nothing survives a restart`,
      'Choose --store lmdb for one profiler, redis for several.',
    )
  }
  if (durability === 'remote') {
    return finding(
      'ok',
      service,
      'store',
      `${store}: as durable as its server; an eviction policy that drops profiles would have been refused`,
    )
  }
  return finding('ok', service, 'store', `${store}: synced to disk`)
}

export const judgeFeed: Judge<[stalenessMs: number]> = (service, stalenessMs) =>
  stalenessMs <= maxStalenessMs
    ? finding('ok', service, 'feed', `profiles as they were ${formatDuration(stalenessMs)} ago`)
    : finding(
        'fail',
        service,
        'feed',
        `profiles as they were ${formatDuration(stalenessMs)} ago`,
        'Its log says why it cannot follow: is --profiler right, is its --profiler-ca-file the profiler’s CA, is its --profiler-token-file of the role estimator for all its namespaces?',
      )
