package foresize

import (
	"context"
	"errors"
	"os/exec"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// Result is how a command ended and what it used.
type Result struct {
	Outcome Outcome
	Used    Resources
	// Who measured the memory.
	Source Source
}

// Run runs a command as one execution and measures it and its tree: the rusage of it and of all it waited for, and
// samples. The error is that of [exec.Cmd.Run]. A command made with ctx that ctx ended is a timeout or a cancellation;
// one that could not be started is no execution.
//
// Maxrss is that of the largest single process, and never below what this process held when it started the command:
// where it is no higher than that, the peak is the highest that the samples saw, and unknown where they saw nothing.
func (w *Worker) Run(ctx context.Context, task string, options StartOptions, cmd *exec.Cmd) (Result, error) {
	w.noteClient(task, cmd.Args)
	watch := measure.NewOomWatch()
	floor, _ := measure.ReadMemory(measure.OwnPid)
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return Result{Outcome: Failed, Source: SourceUnknown}, err
	}
	tree := measure.NewTree(cmd.Process.Pid)
	execution := w.Start(task, options)
	dense := measure.Pace{First: 5 * time.Millisecond, Dense: time.Second, Interval: w.options.SampleInterval}
	sampler := measure.StartSampling(dense, tree.Read, execution.Sample)
	err := cmd.Wait()
	duration := time.Since(started)
	sampler.Stop()

	used := measure.StateRusage(cmd.ProcessState)
	resources := Resources{DurationMs: Of(float64(duration) / float64(time.Millisecond))}
	if duration > 0 {
		resources.CPUCores = Of(used.CPUSeconds / duration.Seconds())
	}
	source := SourceUnknown
	if peak, isExact := measure.PeakOf(used.PeakBytes, floor.PeakBytes, tree.Latest.PeakBytes); peak > 0 {
		resources.MemoryBytes = &peak
		source = SourceSampled
		if isExact {
			source = SourceRusage
		}
	}
	result := Result{commandOutcome(ctx, cmd, err, watch), resources, source}
	execution.End(result.Outcome, result.Used, result.Source)
	return result, err
}

func (w *Worker) noteClient(task string, args []string) {
	client := measure.DaemonClient(args)
	if client == "" {
		return
	}
	if _, isKnown := w.daemonClients.LoadOrStore(client, true); !isKnown {
		message := client + " only asks a daemon to run it: what is measured is " + client + ", not the work"
		w.report(Problem{Kind: MeasuresClient, Message: message, Task: task})
	}
}

func commandOutcome(ctx context.Context, cmd *exec.Cmd, err error, watch measure.OomWatch) Outcome {
	if cmd.ProcessState.Success() {
		return Succeeded
	}
	switch {
	case measure.KilledBySignal9(cmd.ProcessState) && watch.Kills() > 0:
		return OutOfMemory
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return TimedOut
	case errors.Is(ctx.Err(), context.Canceled) && err != nil:
		return Cancelled
	default:
		return Failed
	}
}
