package nextflow.foresize

import java.util.concurrent.ConcurrentMap

import com.google.common.collect.MapMaker
import groovy.transform.CompileStatic
import groovy.transform.TupleConstructor
import groovy.util.logging.Slf4j
import nextflow.Session
import nextflow.processor.TaskConfig
import nextflow.util.MemoryUnit

/** What one run has of foresize: the function that sizes and the observer that reports meet here. */
@Slf4j
@CompileStatic
class Foresize {

    /** A task as it was sized. */
    @CompileStatic
    @TupleConstructor
    static class Sized {
        final MemoryUnit memory
        final MemoryUnit requested
        final Map<String, Number> features
        /** Opaque; null where there was no answer. */
        final String estimateToken
    }

    private static final ConcurrentMap<Session, Foresize> bySession = new MapMaker().weakKeys().makeMap()

    static Foresize of(Session session) {
        bySession.computeIfAbsent(session) {
            new Foresize(new Settings((session.config.foresize ?: [:]) as Map, System.getenv()))
        }
    }

    /** After a failure nobody is made to wait again for so long. */
    private static final long PAUSE_MS = 5000

    final Settings settings
    final Gateway gateway
    /** By identity: two tasks may have equal settings. */
    private final ConcurrentMap<TaskConfig, Sized> sized = new MapMaker().weakKeys().makeMap()
    private volatile long askAgainAtNanos = System.nanoTime()

    private Foresize(Settings settings) {
        this.settings = settings
        this.gateway = new Gateway(settings)
    }

    /** Null for a task that was not sized. */
    Sized sizedOf(TaskConfig task) {
        sized.get(task)
    }

    /** Nextflow may ask more than once; the answer of a task stays. */
    MemoryUnit memory(TaskConfig task, Object input, MemoryUnit requested) {
        sized.computeIfAbsent(task) { size(task, featuresOf(input), requested) }.memory
    }

    private static Map<String, Number> featuresOf(Object input) {
        try {
            return Features.of(input)
        }
        catch (IOException e) {
            log.warn "foresize is asked without the size of an input: $e"
            return [:]
        }
    }

    private Sized size(TaskConfig task, Map<String, Number> features, MemoryUnit requested) {
        final attempt = Attempt.of(task)
        final estimate = ask(queryOf(task, features, requested, attempt))
        final bytes = Sizing.memoryBytes(requested.bytes, attempt, estimate, settings)
        log.debug "${task.get('process')}, attempt ${attempt.number}: $bytes bytes where ${requested.bytes} are requested; ${estimate?.reason ?: 'no answer'}"
        return new Sized(new MemoryUnit(bytes), requested, features, estimate?.estimateToken as String)
    }

    private Map queryOf(TaskConfig task, Map<String, Number> features, MemoryUnit requested, Attempt attempt) {
        final query = [
            task: [namespace: settings.namespace, task: task.get('process')],
            features: features,
            labels: Report.labelsOf(task),
            requested: [memory_bytes: requested.bytes],
            attempt: attempt.number,
        ] as Map<String, Object>
        if (attempt.previousMemoryBytes) query.previous_allocation = [memory_bytes: attempt.previousMemoryBytes]
        if (attempt.previousOutcome) query.previous_outcome = attempt.previousOutcome
        return query
    }

    /** Null where there is no answer in time: the run goes on without. */
    private Map ask(Map query) {
        if (System.nanoTime() - askAgainAtNanos < 0) return null
        try {
            return gateway.call('EstimatorService/Estimate', [query: query], settings.deadline.millis).estimate as Map
        }
        catch (IOException e) {
            askAgainAtNanos = System.nanoTime() + PAUSE_MS * 1_000_000
            log.warn1("foresize gives no estimates, tasks get what they request: ${e.message}", firstOnly: true, cacheKey: 'foresize estimate')
            return null
        }
    }
}
