package nextflow.foresize

import java.nio.file.Files
import java.nio.file.Path

import groovy.transform.CompileStatic

/** What is known of a task before it runs. */
@CompileStatic
class Features {

    /**
     * A file, or several, become `input_bytes`; a map names its features, whose files become their sizes.
     * Throws: IllegalArgumentException for what is neither a file nor a number.
     */
    static Map<String, Number> of(Object input) {
        if (input == null) return [:]
        if (input !instanceof Map) return [input_bytes: numberOf('input_bytes', input)]
        ((Map) input).collectEntries { name, value -> [name.toString(), numberOf(name.toString(), value)] } as Map<String, Number>
    }

    private static Number numberOf(String name, Object value) {
        if (value instanceof Number) return (Number) value
        if (value instanceof Path) return bytesIn((Path) value)
        if (value instanceof Collection) return ((Collection) value).sum(0) { each -> numberOf(name, each) } as Number
        throw new IllegalArgumentException("foresizeMemory: $name: must be a file, files or a number, is ${value?.class?.simpleName}")
    }

    /** Of a folder, of all that is in it. */
    private static long bytesIn(Path path) {
        // What a process sees as its input is a name of its own for the file that it stands for.
        final real = path.toRealPath()
        if (!Files.isDirectory(real)) return Files.size(real)
        Files.walk(real).withCloseable { files ->
            files.filter { Path each -> Files.isRegularFile(each) }.mapToLong { Path each -> Files.size(each) }.sum()
        } as long
    }
}
