package nextflow.foresize

import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.security.KeyStore
import java.security.cert.CertificateFactory
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import javax.net.ssl.SSLContext
import javax.net.ssl.TrustManagerFactory

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import groovy.transform.CompileStatic

/** Calls of the contract as JSON over HTTP. */
@CompileStatic
class Gateway {

    /** A call that got no answer, or a refusal. */
    @CompileStatic
    static class Failure extends IOException {
        /** Whether the same call may succeed later. */
        final boolean isTemporary

        Failure(String message, boolean isTemporary) {
            super(message)
            this.isTemporary = isTemporary
        }
    }

    private final Settings settings
    private final HttpClient client

    Gateway(Settings settings) {
        this.settings = settings
        final builder = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .proxy(HttpClient.Builder.NO_PROXY)
        if (settings.caFile) builder.sslContext(trusting(settings))
        client = builder.build()
    }

    /** @param method such as `EstimatorService/Estimate`. Throws: Failure, at the latest after `deadlineMs`. */
    Map call(String method, Map request, long deadlineMs) {
        final uri = settings.gateway.resolve("/foresize.v1.$method")
        final message = HttpRequest.newBuilder(uri)
            .header('content-type', 'application/json')
            .header('connect-timeout-ms', "$deadlineMs")
            .POST(HttpRequest.BodyPublishers.ofString(JsonOutput.toJson(request)))
        final future = client.sendAsync(authorized(message).build(), HttpResponse.BodyHandlers.ofString())
        try {
            return answerOf(future.get(deadlineMs, TimeUnit.MILLISECONDS))
        }
        catch (TimeoutException e) {
            future.cancel(true)
            throw new Failure("no answer from ${settings.gateway} within $deadlineMs ms", true)
        }
        catch (ExecutionException e) {
            throw new Failure("${settings.gateway} cannot be reached: ${e.cause?.message ?: e.cause}", true)
        }
    }

    private HttpRequest.Builder authorized(HttpRequest.Builder message) {
        final token = settings.token()
        return token == null ? message : message.header('authorization', "Bearer $token")
    }

    private static final List<Integer> temporary = [408, 429, 499, 502, 503, 504]

    private static Map answerOf(HttpResponse<String> answer) {
        final Object body = parse(answer.body())
        if (answer.statusCode() == 200 && body instanceof Map) return (Map) body
        final said = body instanceof Map ? ((Map) body).message : answer.body()
        throw new Failure("${answer.statusCode()}: $said", answer.statusCode() in temporary)
    }

    private static Object parse(String text) {
        try {
            return new JsonSlurper().parseText(text)
        }
        catch (Exception e) {
            return null
        }
    }

    private static SSLContext trusting(Settings settings) {
        final store = KeyStore.getInstance(KeyStore.defaultType)
        store.load(null, null)
        Files.newInputStream(settings.caFile).withCloseable { input ->
            CertificateFactory.getInstance('X.509').generateCertificates(input).eachWithIndex { certificate, i ->
                store.setCertificateEntry("ca-$i", certificate)
            }
        }
        final trust = TrustManagerFactory.getInstance(TrustManagerFactory.defaultAlgorithm)
        trust.init(store)
        final context = SSLContext.getInstance('TLS')
        context.init(null, trust.trustManagers, null)
        return context
    }
}
