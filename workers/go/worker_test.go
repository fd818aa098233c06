package foresize

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStartSampleEnd(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	e := w.Start("go/basic", StartOptions{
		Features: map[string]float64{"input_bytes": 7}, Labels: map[string]string{"tool": "x"}, Attempt: 2,
	})
	e.Sample(Sample{Elapsed: ms(100), CPUCores: Of(1), MemoryBytes: Of(500)})
	e.Sample(Sample{Elapsed: ms(300), CPUCores: Of(4), MemoryBytes: Of(900)})
	e.End(Succeeded, Resources{DiskBytes: Of(3)}, SourceUnknown)
	e.End(Failed, Resources{}, SourceUnknown)
	flush(t, w)
	profiler.expect("go/basic", map[Outcome]float64{Succeeded: 1})
	record := profiler.only("go/basic")
	if record.Attempt != 2 || record.Features["input_bytes"] != 7 || record.Labels["tool"] != "x" {
		t.Errorf("%v", record)
	}
	used := record.Used
	if *used.MemoryBytes != 900 || *used.DiskBytes != 3 || *used.DurationMs != 300 || math.Abs(*used.CpuCores-3) > 1e-9 {
		t.Errorf("%v", used)
	}
}

func TestManyGoroutinesLoseNothing(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	var all sync.WaitGroup
	for i := range 2000 {
		all.Add(1)
		go func() {
			defer all.Done()
			e := w.Start("go/goroutines", StartOptions{})
			e.Sample(Sample{Elapsed: ms(5), MemoryBytes: Of(float64(i))})
			outcome := Succeeded
			if i%5 == 0 {
				outcome = Failed
			}
			e.End(outcome, Resources{}, SourceUnknown)
		}()
	}
	all.Wait()
	flush(t, w)
	profiler.expect("go/goroutines", map[Outcome]float64{Succeeded: 1600, Failed: 400})
}

func TestTheOutcomeIsThatOfTheFunction(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	background := context.Background()
	late, cancelLate := context.WithTimeout(background, time.Millisecond)
	defer cancelLate()
	stopped, cancel := context.WithCancel(background)
	cancel()
	ours := errors.New("ours")
	for _, c := range []struct {
		ctx  context.Context
		work func(context.Context) error
		want error
	}{
		{background, func(ctx context.Context) error { ExecutionFrom(ctx).Sample(Sample{MemoryBytes: Of(1)}); return nil }, nil},
		{background, func(context.Context) error { return ours }, ours},
		{late, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, context.DeadlineExceeded},
		{stopped, func(ctx context.Context) error { return ctx.Err() }, context.Canceled},
	} {
		if err := w.Profile(c.ctx, "go/outcomes", StartOptions{}, c.work); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	func() {
		defer func() {
			if recover() != "ours" {
				t.Error("the panic did not go on")
			}
		}()
		_ = w.Profile(background, "go/outcomes", StartOptions{}, func(context.Context) error { panic("ours") })
	}()
	flush(t, w)
	profiler.expect("go/outcomes", map[Outcome]float64{Succeeded: 1, Failed: 2, TimedOut: 1, Cancelled: 1})
}

func TestARejectionNamesTheFieldAndHarmsNoOther(t *testing.T) {
	profiler := sharedProfiler(t)
	var told problems
	w := newTestWorker(t, Options{Target: profiler.address, OnProblem: told.tell})
	w.Start("go/rejected", StartOptions{Features: map[string]float64{"": 1}}).End(Succeeded, Resources{}, SourceUnknown)
	w.Start("go/rejected", StartOptions{}).End(Succeeded, Resources{MemoryBytes: Of(math.NaN())}, SourceRusage)
	w.Start("go/rejected", StartOptions{}).End(Succeeded, Resources{}, SourceUnknown)
	flush(t, w)
	profiler.expect("go/rejected", map[Outcome]float64{Succeeded: 1})
	var fields []string
	for _, problem := range told.all() {
		for _, violation := range problem.Violations {
			fields = append(fields, violation.Field)
		}
	}
	all := strings.Join(fields, " ")
	if !strings.Contains(all, "starts[0].features") || !strings.Contains(all, "].used.memory_bytes") {
		t.Errorf("fields %v", fields)
	}
}

func TestWhatCannotBeEncodedIsToldAndBreaksNothing(t *testing.T) {
	profiler := sharedProfiler(t)
	var told problems
	w := newTestWorker(t, Options{Target: profiler.address, OnProblem: told.tell})
	for _, options := range []StartOptions{
		{Labels: map[string]string{"l": "\xff"}},
		{Labels: map[string]string{"l": strings.Repeat("x", 100_000)}},
		{Attempt: -1},
	} {
		e := w.Start("go/bad", options)
		e.Sample(Sample{})
		e.End(Succeeded, Resources{}, SourceUnknown)
		if e.IsRecorded() {
			t.Errorf("%v was taken", options)
		}
	}
	good := w.Start("go/bad", StartOptions{})
	good.Sample(Sample{Elapsed: -1})
	good.End("splendid", Resources{}, SourceUnknown)
	flush(t, w)
	profiler.expect("go/bad", map[Outcome]float64{Lost: 1})
	if said := told.all(); len(said) != 5 || said[0].Kind != Unrecorded || said[4].Kind != Rejected {
		t.Errorf("%v", said)
	}
}

func TestResumesAfterTheServerWasKilled(t *testing.T) {
	profiler := startProfiler(t, "lmdb")
	w := newTestWorker(t, Options{Target: profiler.address, ReconnectMax: 200 * time.Millisecond})
	end := func(executions []*Execution) {
		for _, e := range executions {
			e.Sample(Sample{Elapsed: ms(10), MemoryBytes: Of(1)})
			e.End(Succeeded, Resources{}, SourceUnknown)
		}
	}
	begin := func() (executions []*Execution) {
		for range 100 {
			executions = append(executions, w.Start("go/resumed", StartOptions{}))
		}
		return executions
	}
	first := begin()
	flush(t, w)
	end(first[:50])
	profiler.end(syscall.SIGKILL)
	end(first[50:])
	second := begin()
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if w.Flush(short) == nil {
		t.Error("stored without a server")
	}
	profiler.start()
	end(second)
	flush(t, w)
	if w.Statistics().Disconnects == 0 {
		t.Error("never disconnected")
	}
	profiler.expect("go/resumed", map[Outcome]float64{Succeeded: 200})
}

func TestAConnectionThatIsRenewedIsNoProblem(t *testing.T) {
	profiler := startProfiler(t, "memory", "--max-connection-age-ms", "1000", "--max-connection-age-grace-ms", "50")
	var told problems
	w := newTestWorker(t, Options{Target: profiler.address, OnProblem: told.tell})
	e := w.Start("go/renewed", StartOptions{})
	for i := 1; w.Statistics().Disconnects < 3; i++ {
		e.Sample(Sample{Elapsed: ms(50 * i), MemoryBytes: Of(1)})
		time.Sleep(50 * time.Millisecond)
	}
	e.End(Succeeded, Resources{}, SourceUnknown)
	flush(t, w)
	if said := told.all(); len(said) > 0 {
		t.Errorf("%v", said)
	}
	profiler.end(syscall.SIGKILL)
	w.Start("go/renewed", StartOptions{}).End(Succeeded, Resources{}, SourceUnknown)
	short, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for len(told.all()) == 0 && short.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if said := told.all(); len(said) == 0 || said[0].Kind != Disconnected {
		t.Errorf("%v", said)
	}
}

func TestAServerThatForgotTheSessionIsToldAllAgain(t *testing.T) {
	profiler := startProfiler(t, "memory")
	w := newTestWorker(t, Options{Target: profiler.address, ReconnectMax: 200 * time.Millisecond})
	e := w.Start("go/forgotten", StartOptions{Features: map[string]float64{"n": 3}})
	e.Sample(Sample{Elapsed: ms(100), MemoryBytes: Of(5)})
	flush(t, w)
	profiler.end(syscall.SIGKILL)
	e.Sample(Sample{Elapsed: ms(300), MemoryBytes: Of(4)})
	profiler.start()
	e.End(Succeeded, Resources{}, SourceUnknown)
	flush(t, w)
	if record := profiler.only("go/forgotten"); record.Features["n"] != 3 || *record.Used.DurationMs != 300 {
		t.Errorf("%v", record)
	}
}

func TestTheTaskNeverWaitsForAProfilerThatIsNotThere(t *testing.T) {
	w := newTestWorker(t, Options{Target: "127.0.0.1:1", MaxExecutions: 100, MaxSamples: 400})
	for range 1000 {
		e := w.Start("go/unreachable", StartOptions{})
		for i := range 50 {
			e.Sample(Sample{Elapsed: ms(i + 1), MemoryBytes: Of(1)})
		}
		e.End(Succeeded, Resources{}, SourceUnknown)
	}
	counted := w.Statistics()
	if counted.Started != 100 || counted.Unrecorded != 900 || counted.Executions != 100 || counted.WaitingSamples > 400 {
		t.Errorf("%+v", counted)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if w.Close(ctx) == nil {
		t.Error("closed as if all were stored")
	}
	if w.Close(ctx) == nil {
		t.Error("closed again as if all were stored")
	}
	if w.Start("go/unreachable", StartOptions{}).IsRecorded() {
		t.Error("started after the end")
	}
}

func TestBackpressureThinsSamplesAndKeepsEveryEnd(t *testing.T) {
	profiler := startProfiler(t, "memory")
	w := newTestWorker(t, Options{
		Target: profiler.address, MaxSamples: 4000, MaxExecutions: 1000, MaxBatchBytes: 4096,
	})
	var executions []*Execution
	for range 500 {
		executions = append(executions, w.Start("go/pressed", StartOptions{}))
	}
	flush(t, w)
	profiler.signal(syscall.SIGSTOP)
	for i := range 200 {
		memory := 1.0
		if i == 77 {
			memory = 1000
		}
		for _, e := range executions {
			e.Sample(Sample{Elapsed: ms(i + 1), MemoryBytes: &memory})
		}
	}
	if waiting := w.Statistics().WaitingSamples; waiting > 4000 {
		t.Errorf("%d samples wait", waiting)
	}
	for _, e := range executions {
		e.End(Succeeded, Resources{}, SourceUnknown)
	}
	profiler.signal(syscall.SIGCONT)
	flush(t, w)
	if w.Statistics().ThinnedSamples == 0 {
		t.Error("nothing was thinned")
	}
	profiler.expect("go/pressed", map[Outcome]float64{Succeeded: 500})
	for _, record := range profiler.profile("go/pressed").Executions {
		if *record.Used.MemoryBytes != 1000 {
			t.Fatalf("peak %v", *record.Used.MemoryBytes)
		}
	}
}
