package nextflow.foresize

import groovy.transform.CompileStatic
import nextflow.plugin.BasePlugin
import org.pf4j.PluginWrapper

@CompileStatic
class ForesizePlugin extends BasePlugin {

    ForesizePlugin(PluginWrapper wrapper) {
        super(wrapper)
    }
}
