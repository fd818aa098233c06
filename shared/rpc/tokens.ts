import { hash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { ConfigError } from '../runtime/config-error.ts'
import type { Log } from '../runtime/log.ts'
import { type Principal, roles } from './principal.ts'

/** A token's grant. `valid` turns false when it expires or leaves the file. */
export interface Grant {
  readonly principal: Principal
  isValid(nowUnixMs: number): boolean
}

export type Verdict =
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly name: string }

export interface Tokens {
  verify(token: string, nowUnixMs: number): Verdict
  close(): void
}

/** One entry a token; the file never holds the token itself. */
const entry = z.strictObject({
  name: z.string().min(1).max(256),
  /** Of the token's UTF-8 bytes, in hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  roles: z.array(z.enum(roles)).min(1),
  /** `*` alone means all. */
  namespaces: z.array(z.string().min(1).max(256)).min(1).max(1000),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
})

const tokensFile = z.strictObject({ tokens: z.array(entry).max(10_000) })

type Entry = z.output<typeof entry>

interface Known {
  readonly digest: Buffer
  readonly text: string
  readonly expiresAtUnixMs: number
  readonly grant: Grant
}

/**
 * The tokens of a file, read again every `reloadMs`. A file that cannot be read changes nothing, and is reported.
 * Tokens are random (32 bytes or more), so one SHA-256 is enough; digests are compared in constant time.
 * Throws: ConfigError where the file cannot be used at the start.
 */
export function tokensOf(file: string, log: Log, reloadMs = 10_000): Tokens {
  let text = read(file)
  let known = index(file, text, new Map())
  let problem: string | undefined

  function reload(): void {
    try {
      const next = read(file)
      if (next === text) return
      known = index(file, next, known)
      text = next
      problem = undefined
      log.info({ file, tokens: known.size }, 'tokens were renewed')
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== problem)
        log.warn({ problem: message }, 'the new tokens cannot be used; the old ones stay')
      problem = message
    }
  }

  function index(of: string, content: string, before: ReadonlyMap<string, Known>): Map<string, Known> {
    return new Map(
      parse(of, content).map((each) => {
        const same = before.get(each.sha256)
        // An entry that did not change keeps its grant, so that the streams it opened go on.
        if (same?.text === JSON.stringify(each)) return [each.sha256, same]
        return [each.sha256, toKnown(each)]
      }),
    )
  }

  function toKnown(each: Entry): Known {
    const expiresAtUnixMs =
      each.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(each.expiresAt)
    const one: Known = {
      digest: Buffer.from(each.sha256, 'hex'),
      text: JSON.stringify(each),
      expiresAtUnixMs,
      grant: {
        principal: {
          name: each.name,
          roles: new Set(each.roles),
          namespaces: each.namespaces.includes('*') ? 'all' : new Set(each.namespaces),
        },
        isValid: (nowUnixMs) => nowUnixMs < expiresAtUnixMs && known.get(each.sha256) === one,
      },
    }
    return one
  }

  const timer = setInterval(reload, reloadMs).unref()

  return {
    verify(token, nowUnixMs) {
      const digest = hash('sha256', token, 'buffer')
      const found = known.get(digest.toString('hex'))
      if (found === undefined || !timingSafeEqual(found.digest, digest)) return { kind: 'unknown' }
      if (nowUnixMs >= found.expiresAtUnixMs) return { kind: 'expired', name: found.grant.principal.name }
      return { kind: 'granted', grant: found.grant }
    },
    close: () => clearInterval(timer),
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function parse(file: string, content: string): readonly Entry[] {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    throw new ConfigError(`${file}: is not JSON`)
  }
  const parsed = tokensFile.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ConfigError(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
  }
  return parsed.data.tokens
}
