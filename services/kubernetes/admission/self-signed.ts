import { X509Certificate } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../shared/runtime/log.ts'
import { ApiError, type KubernetesApi } from '../api.ts'
import type { AdmissionConfig } from './config.ts'
import { issueCertificate } from './issue-certificate.ts'

export type SelfSignedSettings = Pick<
  AdmissionConfig,
  | 'selfSignedStore'
  | 'selfSignedNames'
  | 'selfSignedWebhook'
  | 'selfSignedValidityMs'
  | 'tlsCertFile'
  | 'tlsKeyFile'
>

interface Secret {
  readonly metadata: { readonly resourceVersion: string }
  readonly data?: Readonly<Record<string, string>>
}

interface WebhookConfiguration {
  readonly metadata: { readonly resourceVersion: string }
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[]
}

/** Base64, as a Secret holds them: the certificate, its key, and the CAs that are to be trusted. */
interface Kept {
  readonly 'tls.crt': string
  readonly 'tls.key': string
  readonly 'ca.crt': string
}

const longestCheckMs = 60_000

/**
 * Keeps a certificate that this service makes itself: in a Secret that all replicas share, in the files that are served
 * from, and its CA in the webhook's configuration. Resolves once it can be served with; returns what ends it.
 *
 * A new CA is trusted beside the one before, so that replicas may still show the old certificate until they look again.
 * Of replicas that renew at once one stores: the Secret is replaced only as it was read.
 */
export async function keepSelfSigned(
  settings: SelfSignedSettings,
  api: KubernetesApi,
  log: Log,
): Promise<() => void> {
  const closing = new AbortController()
  const checkMs = Math.min(longestCheckMs, settings.selfSignedValidityMs / 20)
  let written = ''

  async function check(): Promise<void> {
    const kept = await keptOrRenewed(settings, api, log)
    await trust(settings.selfSignedWebhook, kept['ca.crt'], api, log)
    if (kept['tls.crt'] === written) return
    await replace(settings.tlsKeyFile, kept['tls.key'])
    await replace(settings.tlsCertFile, kept['tls.crt'])
    written = kept['tls.crt']
  }

  const isChecked = async () => {
    try {
      await check()
      return true
    } catch (error) {
      // Another replica was quicker: what it stored is read next.
      if (!(error instanceof ApiError && error.status === 409)) {
        log.error({ err: error }, 'the certificate could not be looked after; trying again')
      }
      return false
    }
  }

  for (let waitMs = 100; !(await isChecked()); waitMs = Math.min(checkMs, waitMs * 2)) await sleep(waitMs)
  void (async () => {
    while (!closing.signal.aborted) {
      await sleep(checkMs, undefined, { signal: closing.signal }).catch(() => {})
      if (!closing.signal.aborted) await isChecked()
    }
  })()
  return () => closing.abort()
}

async function keptOrRenewed(settings: SelfSignedSettings, api: KubernetesApi, log: Log): Promise<Kept> {
  const { selfSignedNames: names, selfSignedValidityMs: validityMs } = settings
  const [namespace, name] = settings.selfSignedStore.split('/')
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
  const secret = await api.get<Secret>(path)
  const { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': ca } = secret.data ?? {}
  const nowMs = Date.now()
  if (certificate && key && ca && !isDue(decoded(certificate), names, validityMs, nowMs)) {
    return { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': ca }
  }
  const issued = await issueCertificate(names, validityMs, nowMs)
  const before = ca === undefined ? [] : certificatesIn(decoded(ca)).slice(0, 1)
  const data: Kept = {
    'tls.crt': encoded(issued.certificate),
    'tls.key': encoded(issued.key),
    'ca.crt': encoded([issued.ca, ...before].join('')),
  }
  await api.put(path, { ...secret, data })
  log.info({ secret: settings.selfSignedStore, validityMs }, 'a certificate was made')
  return data
}

/** Whether a certificate is to be replaced: in the last third of its time, or for a server of other names. */
export function isDue(pem: string, names: readonly string[], validityMs: number, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(pem)
    const has = (name: string) => certificate.checkHost(name) !== undefined
    return certificate.validToDate.getTime() - validityMs / 3 < nowMs || !names.every(has)
  } catch {
    return true
  }
}

/** Writes the CAs to every webhook of the configuration, where they are not there yet. */
async function trust(name: string, caBundle: string, api: KubernetesApi, log: Log): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`
  const { metadata, webhooks } = await api.get<WebhookConfiguration>(path)
  const changes = webhooks.flatMap(({ clientConfig }, i) =>
    clientConfig.caBundle === caBundle
      ? []
      : [{ op: 'add', path: `/webhooks/${i}/clientConfig/caBundle`, value: caBundle }],
  )
  if (changes.length === 0) return
  // Places in the list hold for the version that was read.
  const same = { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion }
  await api.patch(path, [same, ...changes])
  log.info({ webhook: name }, 'its CA was written to the configuration of the webhook')
}

const certificatesIn = (pem: string): readonly string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\r?\n?/g) ?? []

const encoded = (text: string): string => Buffer.from(text).toString('base64')
const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString()

/** Readers see the old file or the new one. */
async function replace(file: string, base64: string): Promise<void> {
  await writeFile(`${file}.new`, decoded(base64), { mode: 0o600 })
  await rename(`${file}.new`, file)
}
