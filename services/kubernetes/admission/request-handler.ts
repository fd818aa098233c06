import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Log } from '../../../shared/runtime/log.ts'
import { readText } from '../read-text.ts'
import type { Admitted } from './admitter.ts'
import { type AdmissionRequest, readReview, reviewOf } from './review.ts'

export interface RequestHandlerOptions {
  readonly admit: (request: AdmissionRequest) => Promise<Admitted>
  /** Largest review taken. */
  readonly maxReviewBytes: number
  /** Reviews at once; further ones are turned away, and the API server goes on without an answer. */
  readonly maxReviews: number
  readonly onReview: (request: AdmissionRequest, admitted: Admitted, durationMs: number) => void
  readonly onRefused: (status: number) => void
  readonly log: Log
}

export const admissionPath = '/mutate'

class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'Refused'
    this.status = status
  }
}

/** Answers reviews of the API server over HTTP. */
export function admissionHandler(options: RequestHandlerOptions): RequestListener {
  const { admit, maxReviewBytes, maxReviews, onReview, onRefused, log } = options
  let reviews = 0

  async function answer(request: IncomingMessage): Promise<string> {
    if (request.url?.split('?')[0] !== admissionPath)
      throw new Refused(404, `only ${admissionPath} is served`)
    if (request.method !== 'POST') throw new Refused(405, 'POST only')
    if (reviews >= maxReviews) throw new Refused(503, `there are ${maxReviews} reviews at once`)
    const startMs = performance.now()
    reviews++
    try {
      const tooLong = () => new Refused(413, `a review has at most ${maxReviewBytes} bytes`)
      const review = reviewIn(await readText(request, maxReviewBytes, tooLong))
      const admitted = await admit(review)
      onReview(review, admitted, performance.now() - startMs)
      return JSON.stringify(reviewOf(review.uid, admitted))
    } finally {
      reviews--
    }
  }

  return (request, response) => {
    answer(request).then(
      (body) => end(response, 200, 'application/json', body),
      (error: unknown) => {
        const status = error instanceof Refused ? error.status : 500
        onRefused(status)
        if (status === 500) log.error({ err: error }, 'a review was not answered')
        if (response.destroyed) return
        // What was not read of the request would hold the connection up.
        response.setHeader('connection', 'close')
        end(
          response,
          status,
          'text/plain; charset=utf-8',
          error instanceof Refused ? `${error.message}\n` : 'error\n',
        )
      },
    )
  }
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}

function reviewIn(text: string): AdmissionRequest {
  try {
    return readReview(text)
  } catch (error) {
    throw new Refused(400, `no review of admission.k8s.io/v1: ${error instanceof Error ? error.message : ''}`)
  }
}
