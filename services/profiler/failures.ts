/** Throws what has failed first, but for what may fail. */
export function throwFirst(
  results: readonly PromiseSettledResult<unknown>[],
  mayFail: (reason: unknown) => boolean,
): void {
  for (const result of results) {
    if (result.status === 'rejected' && !mayFail(result.reason)) throw result.reason
  }
}
