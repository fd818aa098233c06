package foresize

import (
	"context"
	"testing"
	"time"
)

func TestWhatWasLearnedIsAskedForAndScored(t *testing.T) {
	profiler := sharedProfiler(t)
	service := startService(t, "estimator", "--metrics-listen=", "--profiler", profiler.address)
	estimator, err := NewEstimator(EstimatorOptions{Target: service.address, Deadline: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer estimator.Close()
	w := newTestWorker(t, Options{Target: profiler.address})
	run := func(megabytes float64, token []byte) {
		e := w.Start("go/sized", StartOptions{
			Features: map[string]float64{"input_bytes": megabytes * 1e6}, EstimateToken: token,
		})
		e.End(Succeeded, Resources{MemoryBytes: Of(megabytes * 3e6), CPUCores: Of(1), DurationMs: Of(1e3 * megabytes)}, SourceRusage)
	}
	for i := range 30 {
		run(50+float64(i), nil)
	}
	flush(t, w)
	query := Query{Task: "go/sized", Features: map[string]float64{"input_bytes": 60e6}}
	ctx := context.Background()
	var estimate Estimate
	for end := time.Now().Add(20 * time.Second); estimate.Executions != 30; time.Sleep(10 * time.Millisecond) {
		if estimate, err = estimator.Estimate(ctx, query); err != nil || time.Now().After(end) {
			t.Fatalf("%+v %v", estimate, err)
		}
	}
	if memory := *estimate.Resources.MemoryBytes; estimate.Source != "profile" || memory < 180e6 || memory > 260e6 {
		t.Errorf("%v from %s", memory, estimate.Source)
	}
	enough, err := estimator.Confidence(ctx, query, &Resources{MemoryBytes: Of(1e9)})
	if err != nil || enough.Confidence < 0.9 {
		t.Errorf("%+v %v", enough, err)
	}
	tooLittle, err := estimator.Confidence(ctx, query, &Resources{MemoryBytes: Of(1e7)})
	if err != nil || tooLittle.Confidence > 0.1 {
		t.Errorf("%+v %v", tooLittle, err)
	}
	far := Query{Task: query.Task, Features: map[string]float64{"input_byte": 1, "input_bytes": 790e6}}
	noted, err := estimator.Estimate(ctx, far)
	if err != nil {
		t.Fatal(err)
	}
	if n := noted.Notices; len(n) != 2 || n[0].Kind != "beyond-range" || *n[0].Number != 10 ||
		n[1].Kind != "unknown-feature" || n[1].Subject != "input_byte" {
		t.Errorf("%+v", n)
	}
	run(60, estimate.Token)
	flush(t, w)
	if len(profiler.profile("go/sized").Accuracy) == 0 {
		t.Error("the estimate was not scored")
	}
}
