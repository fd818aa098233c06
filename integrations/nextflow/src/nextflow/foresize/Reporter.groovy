package nextflow.foresize

import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j

/**
 * Sends executions in the background, again until they are taken. Nothing waits for it but the end of a run, for as long as
 * `reportDeadline`.
 */
@Slf4j
@CompileStatic
class Reporter {

    /** Executions that wait; beyond it the newest are not reported. */
    private static final int MAX_WAITING = 10_000
    private static final int MAX_BATCH = 200
    private static final long CALL_MS = 5000
    private static final long MAX_BACKOFF_MS = 5000

    private final Gateway gateway
    private final LinkedBlockingQueue<Map> waiting = new LinkedBlockingQueue<>(MAX_WAITING)
    /** Accepted and not yet stored or given up. */
    private final AtomicInteger open = new AtomicInteger()
    private final AtomicInteger lost = new AtomicInteger()
    private final Thread thread

    Reporter(Gateway gateway) {
        this.gateway = gateway
        thread = new Thread(this.&run as Runnable, 'foresize-reporter')
        thread.daemon = true
        thread.start()
    }

    void report(Map execution) {
        if (waiting.offer(execution)) open.incrementAndGet()
        else lost.incrementAndGet()
    }

    /** Waits for what is not reported yet; returns how many never were. */
    int close(long deadlineMs) {
        final endNanos = System.nanoTime() + deadlineMs * 1_000_000
        while (open.get() > 0 && System.nanoTime() < endNanos) Thread.sleep(20)
        thread.interrupt()
        return lost.get() + open.get()
    }

    private void run() {
        try {
            while (true) {
                final List<Map> batch = [waiting.take()]
                waiting.drainTo(batch, MAX_BATCH - 1)
                send(batch)
                open.addAndGet(-batch.size())
            }
        }
        catch (InterruptedException e) {
            log.debug 'the reporter has stopped'
        }
    }

    private void send(List<Map> batch) {
        for (long backoffMs = 100; ; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
            try {
                final answer = gateway.call('ProfilerService/UpdateProfile', [executions: batch], CALL_MS)
                for (final rejection : (answer.rejections ?: []) as List<Map>)
                    log.warn "foresize refused an execution: ${rejection.violations}"
                return
            }
            catch (Gateway.Failure e) {
                if (!e.isTemporary) {
                    lost.addAndGet(batch.size())
                    log.warn "foresize refused ${batch.size()} executions: ${e.message}"
                    return
                }
                log.debug "executions are not reported yet: ${e.message}"
                TimeUnit.MILLISECONDS.sleep(backoffMs)
            }
            catch (IOException e) {
                lost.addAndGet(batch.size())
                log.warn "${batch.size()} executions cannot be reported: ${e.message}"
                return
            }
        }
    }
}
