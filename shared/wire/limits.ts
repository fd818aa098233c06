import { profileLimits } from '../domain/profile-limits.ts'
import { maxNameBytes } from '../domain/task.ts'

/** Bounds of the contract, as proto/ states them. A value beyond one is bad input. */
export const limits = {
  /** UTF-8 bytes of an id, a task, a namespace, a key, a label's value. */
  nameBytes: maxNameBytes,
  /** Features or labels of one execution. */
  entries: 32,
  attempt: 1000,
  weight: 1e6,
  estimateTokenBytes: 2048,
  leaseMs: 7 * 24 * 3600 * 1000,
  /** Samples of one UsageSamples. */
  samples: 10_000,
  /** Samples of one UsageBatch. */
  batchSamples: 100_000,
  /** Starts, sampled executions, or ends of one UsageBatch; records of one UpdateProfile. */
  events: 1000,
  /** Queries of one EstimateBatch. */
  queries: 1000,
  strategies: 16,
  /** Of one Profile. */
  profile: profileLimits,
  /** Of one message, with all that is in it: checked before it is decoded. */
  message: {
    /** Messages in it, but entries of maps; in JSON objects and lists. */
    objects: 16_384,
    /** Fields set, each entry of a list one; in JSON what commas divide. */
    fields: 262_144,
    /** Numbers in lists of numbers. */
    numbers: 1_048_576,
    /** One text of JSON, as it is written: parsers repeat what they do not know. */
    textBytes: 4096,
    /** Of one entry of a list of messages, which is decoded in one turn; in JSON of all beside the lists, too. */
    entry: { fields: 16_384, numbers: 65_536, textBytes: 1_048_576 },
  },
  /** Unix milliseconds: the year 2100. */
  unixMs: 4_102_444_800_000,
} as const
