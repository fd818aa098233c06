package nextflow.foresize

import groovy.transform.CompileStatic
import nextflow.processor.TaskConfig
import nextflow.processor.TaskRun
import nextflow.trace.TraceRecord

/** Pure: an attempt at a task that has ended, as an ExecutionRecord of the contract. */
@CompileStatic
class Report {

    static Map<String, Object> of(String runId, String namespace, TaskRun task, TraceRecord trace, Foresize.Sized sized) {
        final attempt = (trace.get('attempt') ?: 1) as int
        final record = [
            execution_id: "$runId/${trace.taskId}/$attempt".toString(),
            task: [namespace: namespace, task: trace.processName],
            attempt: attempt,
            features: sized ? sized.features : Features.of(task.inputFilesMap.values()),
            labels: labelsOf(task.config),
            allocated: known(memory_bytes: Attempt.memoryOf(trace), cpu_cores: trace.get('cpus'), duration_ms: trace.get('time')),
            used: known(
                memory_bytes: trace.get('peak_rss'),
                cpu_cores: trace.get('%cpu') == null ? null : (trace.get('%cpu') as double) / 100,
                duration_ms: trace.get('realtime'),
            ),
            outcome: Attempt.outcomeOf(trace),
        ] as Map<String, Object>
        if (sized) record.requested = [memory_bytes: sized.requested.bytes]
        if (sized?.estimateToken) record.estimate_token = sized.estimateToken
        return record
    }

    /** As an imported trace file has them. */
    static Map<String, String> labelsOf(TaskConfig task) {
        final process = task.get('process') as String
        final labels = [:] as Map<String, String>
        if (process?.contains(':')) labels.workflow = process.substring(0, process.indexOf(':'))
        final image = task.get('container')
        if (image instanceof CharSequence && image) labels.image = image.toString()
        return labels
    }

    private static Map<String, Object> known(Map<String, Object> resources) {
        resources.findAll { name, value -> value instanceof Number && (value as double) > 0 }
    }
}
