package nextflow.foresize

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.trace.TraceObserver
import nextflow.trace.TraceObserverFactory

@CompileStatic
class ForesizeObserverFactory implements TraceObserverFactory {

    @Override
    Collection<TraceObserver> create(Session session) {
        [new ForesizeObserver(Foresize.of(session)) as TraceObserver]
    }
}
