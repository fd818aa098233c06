package foresize

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var asked = Resources{MemoryBytes: Of(4e9)}

func newTestSizer(t *testing.T, address string, options SizerOptions) (*Sizer, *Estimator) {
	t.Helper()
	if options.Deadline == 0 {
		options.Deadline = 20 * time.Second
	}
	estimator, err := NewEstimator(EstimatorOptions{Target: address, Deadline: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = estimator.Close() })
	sizer, err := NewSizer(estimator, options)
	if err != nil {
		t.Fatal(err)
	}
	return sizer, estimator
}

func sizerTask(inputBytes float64) SchedulableTask {
	return SchedulableTask{
		Task: "go/sizer", Features: map[string]float64{"input_bytes": inputBytes}, Requested: asked,
	}
}

// learnedEstimator knows twenty executions of go/sizer, whose memory is three times their input.
func learnedEstimator(t *testing.T) (profiler, estimator *service) {
	t.Helper()
	profiler = startProfiler(t, "memory")
	w := newTestWorker(t, Options{Target: profiler.address})
	for i := range 20 {
		input := float64(50+i) * 1e6
		e := w.Start("go/sizer", StartOptions{Features: map[string]float64{"input_bytes": input}})
		e.End(Succeeded, Resources{MemoryBytes: Of(3 * input), CPUCores: Of(1), DurationMs: Of(1000)}, SourceRusage)
	}
	flush(t, w)
	estimator = startService(t, "estimator", "--metrics-listen=", "--profiler", profiler.address)
	_, asks := newTestSizer(t, estimator.address, SizerOptions{})
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		answer, err := asks.Estimate(context.Background(), Query{Task: "go/sizer"})
		if err == nil && answer.Executions == 20 {
			return profiler, estimator
		}
		if time.Now().After(end) {
			t.Fatalf("it did not learn: %v, %v", answer, err)
		}
	}
}

func TestATaskIsSizedRunAndScored(t *testing.T) {
	ctx := context.Background()
	profiler, estimator := learnedEstimator(t)
	sizer, _ := newTestSizer(t, estimator.address, SizerOptions{})
	sized := sizer.Size(ctx, sizerTask(60e6))
	if given := *sized.Allocated.MemoryBytes; sized.Reason != ReasonLearned || given < 180e6 || given > 300e6 {
		t.Fatalf("%v", sized)
	}
	if said := sized.String(); !strings.Contains(said, "MB memory") || !strings.Contains(said, "(learned, ") {
		t.Errorf("%s", said)
	}
	w := newTestWorker(t, Options{Target: profiler.address})
	w.Start(sized.Task.Task, sized.StartOptions()).End(Succeeded, Resources{MemoryBytes: Of(180e6)}, SourceRusage)
	flush(t, w)
	profile := profiler.profile("go/sizer")
	record := profile.Executions[len(profile.Executions)-1]
	if record.ExecutionId != sized.Task.ExecutionID || *record.Allocated.MemoryBytes != *sized.Allocated.MemoryBytes {
		t.Errorf("%v", record)
	}
	if len(profile.Accuracy) == 0 {
		t.Error("the token did not come back")
	}

	more, isWorthIt := sizer.Retry(ctx, sized, OutOfMemory, RetryOptions{})
	if !isWorthIt || more.Task.Attempt != 2 || *more.Allocated.MemoryBytes <= *sized.Allocated.MemoryBytes {
		t.Errorf("%v, %v", more, isWorthIt)
	}
	if again, _ := sizer.Retry(ctx, more, Evicted, RetryOptions{}); again.Task.ExecutionID != sized.Task.ExecutionID+"/3" {
		t.Errorf("%v", again.Task)
	}
	if _, isWorthIt := sizer.Retry(ctx, sized, Failed, RetryOptions{}); isWorthIt {
		t.Error("a failure is tried again")
	}
	if again := sizer.Resize(ctx, sized); again.Task.ExecutionID != sized.Task.ExecutionID {
		t.Errorf("%v", again)
	}

	shadow, _ := newTestSizer(t, estimator.address, SizerOptions{
		Learning: LearningConfig{LearningSettings: LearningSettings{Mode: ModeShadow}},
	})
	hidden := shadow.Size(ctx, sizerTask(60e6))
	if hidden.Reason != ReasonShadow || *hidden.Allocated.MemoryBytes != 4e9 || hidden.Advice != nil || len(hidden.EstimateToken) == 0 {
		t.Errorf("%v", hidden)
	}

	// Any number at once: the same question is asked once in a while.
	var all sync.WaitGroup
	crowd, _ := newTestSizer(t, estimator.address, SizerOptions{MaxAnswers: 2})
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 50 {
				if sized := crowd.Size(ctx, sizerTask(60e6+float64(n%2))); sized.Reason != ReasonLearned {
					t.Errorf("%v", sized)
				}
			}
		}()
	}
	all.Wait()
	if counts := crowd.Statistics(); counts["asks"]+counts["cached"] != 400 || counts["asks"] > 16 {
		t.Errorf("%v", counts)
	}

	// What cannot be asked gets its request, and does not count as a failure.
	for range 5 {
		if refused := crowd.Size(ctx, sizerTask(math.NaN())); refused.Reason != ReasonUnavailable {
			t.Errorf("%v", refused)
		}
		nonsense := sizerTask(1)
		nonsense.PreviousOutcome = "exploded"
		if refused := crowd.Size(ctx, nonsense); refused.Reason != ReasonUnavailable || !strings.Contains(refused.Explanation, "exploded") {
			t.Errorf("%v", refused)
		}
	}
	if sized := crowd.Size(ctx, sizerTask(61e6)); sized.Reason != ReasonLearned {
		t.Errorf("%v", sized)
	}

	// The estimator away: the last answer, then the request, then nobody is asked.
	away, _ := newTestSizer(t, estimator.address, SizerOptions{
		Learning: LearningConfig{UpdateInterval: 1}, MaxAnswers: 3, Pause: time.Hour,
	})
	known := away.Size(ctx, sizerTask(60e6))
	estimator.end(syscall.SIGKILL)
	if last := away.Size(ctx, sizerTask(60e6)); last.Reason != ReasonLearned || *last.Allocated.MemoryBytes != *known.Allocated.MemoryBytes {
		t.Errorf("%v", last)
	}
	var sizedAway Sized
	for n := range 5 {
		sizedAway = away.Size(ctx, sizerTask(float64(n)))
		if sizedAway.Reason != ReasonUnavailable || *sizedAway.Allocated.MemoryBytes != 4e9 {
			t.Errorf("%v", sizedAway)
		}
	}
	if !strings.Contains(sizedAway.Explanation, "did not answer lately") {
		t.Errorf("%v", sizedAway)
	}
	retry := sizerTask(1)
	retry.Attempt, retry.PreviousAllocation, retry.PreviousOutcome = 2, asked, OutOfMemory
	if sized := away.Size(ctx, retry); sized.Reason != ReasonEscalated || *sized.Allocated.MemoryBytes != 8e9 {
		t.Errorf("%v", sized)
	}
}

func TestASilentEstimatorIsWaitedForNoLongerThanTheDeadline(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	sizer, _ := newTestSizer(t, silent.Addr().String(), SizerOptions{Deadline: 200 * time.Millisecond, Pause: time.Hour})
	began := time.Now()
	for n := range 100 {
		sizer.Size(context.Background(), sizerTask(float64(n)))
	}
	// Three deadlines, then nobody is asked. A hundred would be twenty seconds.
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	other, _ := newTestSizer(t, silent.Addr().String(), SizerOptions{})
	if sized := other.Size(cancelled, sizerTask(1)); sized.Reason != ReasonUnavailable {
		t.Errorf("%v", sized)
	}
}

func TestValuesSayWhatTheyAre(t *testing.T) {
	given := Resources{CPUCores: Of(0.5), MemoryBytes: Of(143e6), DurationMs: Of(60_000)}
	if said := fmt.Sprint(given, Resources{}); said != "0.5 cores, 143 MB memory, 60 s nothing" {
		t.Error(said)
	}
}

func TestTheExampleOfTheReadmeDoesWhatItSays(t *testing.T) {
	program, err := os.ReadFile("internal/example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```") {
		t.Error("README.md does not show internal/example/main.go as it is")
	}
	profiler := startProfiler(t, "memory")
	estimator := startService(t, "estimator", "--metrics-listen=", "--profiler", profiler.address)
	command := exec.Command("go", "run", "./internal/example")
	command.Env = append(os.Environ(), "FORESIZE_PROFILER="+profiler.address, "FORESIZE_ESTIMATOR="+estimator.address)
	said, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "4 GB memory") {
		t.Errorf("%v: %s", err, said)
	}
	profiler.expect("sort", map[Outcome]float64{Succeeded: 1})
}
