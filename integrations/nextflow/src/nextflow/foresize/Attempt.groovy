package nextflow.foresize

import groovy.transform.CompileStatic
import groovy.transform.Immutable
import nextflow.processor.TaskConfig
import nextflow.trace.TraceRecord
import nextflow.util.MemoryUnit

/** Which attempt at a task it is, and how the one before it ended. */
@CompileStatic
@Immutable
class Attempt {

    int number
    /** What the one before was given; null where it is not known. */
    Long previousMemoryBytes
    /** Of the contract; null for a first attempt. */
    String previousOutcome

    static Attempt of(TaskConfig task) {
        final previous = task.get('previousTrace') as TraceRecord
        new Attempt(
            (task.attempt ?: 1) as int,
            previous == null ? null : memoryOf(previous),
            previous == null ? null : outcomeOf(previous),
        )
    }

    boolean ranOutOfMemory() {
        previousOutcome == 'OUTCOME_OUT_OF_MEMORY'
    }

    /** Exit 137 is what a kill for memory leaves, 140 one for time. */
    static String outcomeOf(TraceRecord trace) {
        final exit = trace.get('exit')
        if (exit == 137) return 'OUTCOME_OUT_OF_MEMORY'
        if (exit == 140) return 'OUTCOME_TIMED_OUT'
        switch (trace.get('status')) {
            case 'COMPLETED': return exit == 0 ? 'OUTCOME_SUCCEEDED' : 'OUTCOME_FAILED'
            case 'ABORTED': return 'OUTCOME_CANCELLED'
            default: return 'OUTCOME_FAILED'
        }
    }

    static Long memoryOf(TraceRecord trace) {
        final memory = trace.get('memory')
        if (memory instanceof MemoryUnit) return ((MemoryUnit) memory).bytes
        return memory instanceof Number ? ((Number) memory).longValue() : null
    }
}
