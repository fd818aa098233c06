/** Runs one strategy's code; answers undefined when its breaker is open or it failed. */
export type Guard = <T>(strategy: string, run: () => T) => T | undefined

/** Just runs it. */
export const unguarded: Guard = (_strategy, run) => run()
