import io.foresize.v1.EstimateQuery;
import io.foresize.v1.EstimateRequest;
import io.foresize.v1.EstimatorServiceGrpc;
import io.foresize.v1.ExecutionRecord;
import io.foresize.v1.Outcome;
import io.foresize.v1.ProfilerServiceGrpc;
import io.foresize.v1.Resources;
import io.foresize.v1.TaskKey;
import io.foresize.v1.UpdateProfileRequest;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;

/** Reports one run, and asks what the next one needs. */
public final class ReportAndAsk {
  private static ManagedChannel channel(String variable, String otherwise) {
    String target = System.getenv().getOrDefault(variable, otherwise);
    return Grpc.newChannelBuilder(target, InsecureChannelCredentials.create()).build();
  }

  public static void main(String[] args) {
    ManagedChannel profiler = channel("FORESIZE_PROFILER", "127.0.0.1:7070");
    ManagedChannel estimator = channel("FORESIZE_ESTIMATOR", "127.0.0.1:7071");
    TaskKey task = TaskKey.newBuilder().setTask("java").build();

    var run =
        ExecutionRecord.newBuilder()
            .setExecutionId("java-" + ProcessHandle.current().pid())
            .setTask(task)
            .putFeatures("input_bytes", 2.5e6)
            .setUsed(Resources.newBuilder().setMemoryBytes(181e6).setDurationMs(1240))
            .setOutcome(Outcome.OUTCOME_SUCCEEDED);
    var stored =
        ProfilerServiceGrpc.newBlockingStub(profiler)
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .updateProfile(UpdateProfileRequest.newBuilder().addExecutions(run).build());
    System.out.println("stored " + stored.getFolded());

    var query =
        EstimateQuery.newBuilder()
            .setTask(task)
            .putFeatures("input_bytes", 3e6)
            .setRequested(Resources.newBuilder().setMemoryBytes(1e9));
    var answer =
        EstimatorServiceGrpc.newBlockingStub(estimator)
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .estimate(EstimateRequest.newBuilder().setQuery(query).build());
    double memoryBytes = answer.getEstimate().getResources().getMemoryBytes();
    System.out.printf("give it %.0f MB%n", memoryBytes / 1e6);

    profiler.shutdownNow();
    estimator.shutdownNow();
  }
}
