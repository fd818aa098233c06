package nextflow.foresize

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.plugin.extension.Function
import nextflow.plugin.extension.PluginExtensionPoint
import nextflow.processor.TaskConfig
import nextflow.util.MemoryUnit

@CompileStatic
class ForesizeFunctions extends PluginExtensionPoint {

    private Foresize foresize

    @Override
    protected void init(Session session) {
        foresize = Foresize.of(session)
    }

    /**
     * What a task is to be given: `memory { foresizeMemory(task, reads, 4.GB) }`.
     * @param input a file, files, or a map of features to numbers and files: what the need follows from.
     * @param requested what it gets until enough is known.
     */
    @Function
    MemoryUnit foresizeMemory(Object task, Object input, Object requested) {
        if (task !instanceof TaskConfig)
            throw new IllegalArgumentException("foresizeMemory: the first argument must be task, is ${task?.class?.simpleName}")
        final request = requested instanceof MemoryUnit ? (MemoryUnit) requested : MemoryUnit.of(requested as String)
        return foresize.memory((TaskConfig) task, input, request)
    }
}
