package nextflow.foresize

import java.nio.file.Files
import java.nio.file.Path

import groovy.transform.CompileStatic
import nextflow.exception.AbortOperationException
import nextflow.util.Duration

/** The scope `foresize` of nextflow.config. What it leaves out comes from the environment, as for every client. */
@CompileStatic
class Settings {

    /** Where the gateway is. */
    final URI gateway
    final String namespace
    /** Executions behind an answer before it is used. */
    final int minExecutions
    /** Confidence of an answer before it is used, 0 to 1. */
    final double minConfidence
    /** Longest wait for an estimate. */
    final Duration deadline
    /** Longest wait at the end of a run for what is not reported yet. */
    final Duration reportDeadline
    /** PEM roots of the gateway's certificate; null: those that Java trusts. */
    final Path caFile
    private final Path tokenFile
    private final String givenToken

    Settings(Map config, Map<String, String> env) {
        gateway = URI.create((config.gateway ?: env.FORESIZE_GATEWAY ?: 'http://127.0.0.1:7080') as String)
        namespace = (config.namespace ?: 'default') as String
        minExecutions = (config.minExecutions == null ? 3 : config.minExecutions) as int
        minConfidence = (config.minConfidence == null ? 0.5 : config.minConfidence) as double
        deadline = durationOf(config.deadline, '1s')
        reportDeadline = durationOf(config.reportDeadline, '10s')
        caFile = pathOf(config.caFile ?: env.FORESIZE_CA_FILE)
        tokenFile = pathOf(config.tokenFile ?: env.FORESIZE_TOKEN_FILE)
        givenToken = env.FORESIZE_TOKEN
        if (gateway.scheme !in ['http', 'https'] || !gateway.host)
            throw new AbortOperationException("foresize.gateway: must be http://HOST:PORT or https://HOST:PORT, is $gateway")
        if (gateway.scheme == 'http' && (tokenFile || givenToken) && !isLoopback(gateway.host))
            throw new AbortOperationException("foresize.gateway: a token for $gateway needs https: it would go over the network in plain text")
    }

    /** Read anew for every call: it may have been replaced. Null where there is none. */
    String token() {
        tokenFile == null ? givenToken : Files.readString(tokenFile).trim()
    }

    private static boolean isLoopback(String host) {
        host == 'localhost' || host == '[::1]' || host ==~ /127\.\d+\.\d+\.\d+/
    }

    private static Duration durationOf(Object value, String fallback) {
        value == null ? Duration.of(fallback) : value instanceof Duration ? (Duration) value : Duration.of(value.toString())
    }

    private static Path pathOf(Object value) {
        value == null ? null : Path.of(value.toString())
    }
}
