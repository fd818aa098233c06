package foresize

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

// The kernel's counters of one and the same peak differ by this much: it sums them per CPU, lazily.
const counterDrift = 0.02

// Result is how a command ended and what it used.
type Result struct {
	Outcome Outcome
	Used    Resources
	// Who measured the memory.
	Source Source
}

// Run runs a command as one execution and measures it and its tree: the rusage of it and of all it waited for, and
// samples. The error is that of [exec.Cmd.Run]. A command made with ctx that ctx ended is a timeout or a cancellation.
//
// Maxrss is that of the largest single process, and never below what this process held when it started the command:
// where it is no higher than that, the peak is the highest that the samples saw.
func (w *Worker) Run(ctx context.Context, task string, options StartOptions, cmd *exec.Cmd) (Result, error) {
	execution := w.Start(task, options)
	result, err := runCommand(ctx, cmd, w.options.SampleInterval, execution.Sample)
	execution.End(result.Outcome, result.Used, result.Source)
	return result, err
}

func runCommand(ctx context.Context, cmd *exec.Cmd, interval time.Duration, onSample func(Sample)) (Result, error) {
	watch := newOomWatch()
	floor, _ := readMemory(ownPid)
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{Outcome: Failed, Source: SourceUnknown}, err
	}
	tree := newProcessTree(cmd.Process.Pid)
	dense := pace{first: 5 * time.Millisecond, dense: time.Second, interval: interval}
	sampler := startSampling(dense, tree.read, onSample)
	err := cmd.Wait()
	duration := time.Since(started)
	sampler.stop()

	used := stateRusage(cmd.ProcessState)
	peak, source := peakOf(used.peakBytes, floor.peakBytes, tree.latest.peakBytes)
	resources := Resources{DurationMs: Of(float64(duration) / float64(time.Millisecond))}
	if duration > 0 {
		resources.CPUCores = Of(used.cpuSeconds / duration.Seconds())
	}
	if peak > 0 {
		resources.MemoryBytes = &peak
	}
	return Result{commandOutcome(ctx, cmd, err, watch), resources, source}, err
}

// peakOf: each can only miss, but that rusage starts from the floor.
func peakOf(rusageBytes, floorBytes, sampledBytes float64) (float64, Source) {
	isAboveFloor := rusageBytes > floorBytes*(1+counterDrift) || sampledBytes == 0
	if isAboveFloor && rusageBytes >= sampledBytes*(1-counterDrift) {
		return max(rusageBytes, sampledBytes), SourceRusage
	}
	return sampledBytes, SourceSampled
}

func commandOutcome(ctx context.Context, cmd *exec.Cmd, err error, watch oomWatch) Outcome {
	if cmd.ProcessState.Success() {
		return Succeeded
	}
	switch {
	case killedBySignal9(cmd.ProcessState) && watch.kills() > 0:
		return OutOfMemory
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return TimedOut
	case errors.Is(ctx.Err(), context.Canceled) && err != nil:
		return Cancelled
	default:
		return Failed
	}
}
