package nextflow.foresize

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.Session
import nextflow.processor.TaskHandler
import nextflow.trace.TraceObserver
import nextflow.trace.TraceRecord

/** Reports every attempt that ended, from the head process. */
@Slf4j
@CompileStatic
class ForesizeObserver implements TraceObserver {

    private final Foresize foresize
    private final Reporter reporter
    private String runId

    ForesizeObserver(Foresize foresize) {
        this.foresize = foresize
        this.reporter = new Reporter(foresize.gateway)
    }

    @Override
    void onFlowCreate(Session session) {
        // A run that is resumed keeps the session's id and numbers its tasks anew.
        runId = "nextflow/${session.uniqueId}/${session.runName}"
    }

    /** So that Nextflow measures what tasks use. */
    @Override
    boolean enableMetrics() {
        true
    }

    @Override
    void onProcessComplete(TaskHandler handler, TraceRecord trace) {
        try {
            final task = handler.task
            reporter.report(Report.of(runId, foresize.settings.namespace, task, trace, foresize.sizedOf(task.config)))
        }
        catch (Exception e) {
            log.warn "an execution of ${trace?.processName} is not reported: ${e.message}"
        }
    }

    @Override
    void onFlowComplete() {
        final lost = reporter.close(foresize.settings.reportDeadline.millis)
        if (lost > 0) log.warn "$lost executions were not reported to foresize"
    }
}
