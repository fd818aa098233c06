/** How large a profile may be, whatever its history; one that says it is larger is not one. */
export const profileLimits = {
  executions: 96,
  running: 64,
  /** Fingerprints of executions folded. */
  folded: 4096,
  accuracy: 256,
  /** Of one sketch. */
  sketchBuckets: 1024,
  /** Of a cohort. */
  members: 64,
  /** Encoded, before compression. */
  bytes: 16 * 1024 * 1024,
} as const
