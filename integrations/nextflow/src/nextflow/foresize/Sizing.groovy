package nextflow.foresize

import groovy.transform.CompileStatic

/** Pure: what a task is given, from what it requests, how its last attempt ended, and what was learned. */
@CompileStatic
class Sizing {

    private static final long MEBIBYTE = 1L << 20
    /** Growth after a kill for memory, where nothing better is known. */
    private static final int ESCALATION = 2

    /**
     * Law: never less than what failed for memory; the request until there are enough executions, surely enough.
     * @param estimate of the contract, as JSON; null where there is no answer.
     */
    static long memoryBytes(long requested, Attempt attempt, Map estimate, Settings settings) {
        final fallback = attempt.ranOutOfMemory() && attempt.previousMemoryBytes
            ? Math.max(requested, attempt.previousMemoryBytes * ESCALATION)
            : requested
        final learned = learnedBytes(estimate, settings)
        if (learned == null) return wholeMebibytes(fallback)
        final failed = attempt.ranOutOfMemory() ? (attempt.previousMemoryBytes ?: 0L) : 0L
        return wholeMebibytes(learned > failed ? learned : fallback)
    }

    private static Double learnedBytes(Map estimate, Settings settings) {
        final bytes = (estimate?.resources as Map)?.memoryBytes as Double
        final isEscalation = estimate?.source == 'ESTIMATE_SOURCE_ESCALATION'
        final isOwn = estimate?.source in ['ESTIMATE_SOURCE_PROFILE', 'ESTIMATE_SOURCE_COHORT']
        final isKnown = isOwn && numberOf(estimate.executions) >= settings.minExecutions &&
            numberOf(estimate.confidence) >= settings.minConfidence
        return isEscalation || isKnown ? bytes : null
    }

    private static double numberOf(Object value) {
        value == null ? 0d : value as double
    }

    /** Rounded up: executors hand whole megabytes on, rounded down. */
    private static long wholeMebibytes(double bytes) {
        (Math.ceil(bytes / MEBIBYTE) as long) * MEBIBYTE
    }
}
