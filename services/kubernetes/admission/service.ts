import { startHttpServer } from '../../../shared/rpc/http-server.ts'
import type { Clock } from '../../../shared/runtime/clock.ts'
import type { Lifecycle } from '../../../shared/runtime/lifecycle.ts'
import type { Log } from '../../../shared/runtime/log.ts'
import { processMetrics, startMetricsServer } from '../../../shared/runtime/metrics.ts'
import { createEstimatorClient } from '../../scheduler/client.ts'
import { createKubernetesApi } from '../api.ts'
import { createAdmitter } from './admitter.ts'
import { createAttemptFinder } from './attempt-finder.ts'
import {
  type AdmissionConfig,
  estimatorClientSettings,
  learningSettingsOf,
  requireConsistent,
} from './config.ts'
import { followFailedJobs } from './failed-jobs.ts'
import { followLimitRanges } from './limit-ranges.ts'
import { admissionCounts, admissionFigures } from './metrics.ts'
import { followNamespaces } from './namespaces.ts'
import { admissionHandler } from './request-handler.ts'
import { keepSelfSigned } from './self-signed.ts'

export interface AdmissionParts {
  readonly clock: Clock
  readonly log: Log
  /** What is started stops with it, in reverse. */
  readonly lifecycle: Lifecycle
}

/**
 * Starts the webhook and answers where it listens. It is ready once it knows which namespaces have opted in, and the
 * LimitRanges; without the estimator it answers that nothing is changed.
 */
export async function startAdmission(
  config: AdmissionConfig,
  { clock, log, lifecycle }: AdmissionParts,
): Promise<{ readonly address: string; readonly metricsAddress: string | undefined }> {
  requireConsistent(config)
  const metrics = processMetrics()
  const counts = admissionCounts(metrics)
  let isServing = false
  const isHealthy = () => isServing && namespaces.isSynced() && limitRanges.isSynced()
  const monitoring = { listen: config.metricsListen, registry: metrics, isHealthy, log }
  const metricsServer = await startMetricsServer(monitoring)
  lifecycle.onStop('metrics', () => metricsServer?.close())

  const api = createKubernetesApi(config)
  lifecycle.onStop('connections to the API server', api.close)
  const namespaces = followNamespaces(api, clock, log)
  lifecycle.onStop('namespaces', namespaces.close)
  const limitRanges = followLimitRanges(api, clock, log)
  lifecycle.onStop('LimitRanges', limitRanges.close)
  const failedJobs = followFailedJobs(api, clock, log)
  lifecycle.onStop('failed Jobs', failedJobs.close)
  const estimator = createEstimatorClient({
    ...estimatorClientSettings(config),
    deadlineMs: config.estimateMs,
  })
  lifecycle.onStop('estimator channel', estimator.close)
  if (config.selfSignedStore !== '') {
    lifecycle.onStop('certificates', await keepSelfSigned(config, api, log))
  }

  const admit = createAdmitter({
    policyOf: namespaces.policyOf,
    limitRangesOf: limitRanges.itemsOf,
    findAttempt: createAttemptFinder(api, failedJobs),
    estimator,
    settings: learningSettingsOf(config),
    deadlineMs: config.deadlineMs,
    log,
  })
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsClientCaFile: clientCaFile } = config
  const server = await startHttpServer(
    { ...config, tls: { certFile, keyFile, clientCaFile }, log },
    admissionHandler({ ...config, admit, onReview: counts.onReview, onRefused: counts.onRefused, log }),
  )
  admissionFigures(metrics, { counts, server, estimator, tlsCertFile: certFile })
  lifecycle.onStop('server', () => {
    isServing = false
    return server.drain(config.drainMs)
  })
  isServing = true
  log.info({ address: server.address, estimator: config.estimator, apiServer: config.apiServer }, 'serving')
  return { address: server.address, metricsAddress: metricsServer?.address }
}
