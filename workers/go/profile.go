package foresize

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// The kernel keeps the peak: short functions need no samples.
const firstOwnSample = 100 * time.Millisecond

// Profile runs work as one execution. What it returns is returned: an error is its failure, that of ctx is a
// cancellation or a timeout, and a panic is a failure that goes on.
//
// Measured is the process: its peak of memory, and its CPU time with that of the children it waited for. Two calls at
// once each see the memory of both; their CPU time cannot be told apart and is left out.
func (w *Worker) Profile(
	ctx context.Context, task string, options StartOptions, work func(context.Context) error,
) (err error) {
	execution := w.Start(task, options)
	if !execution.isRecorded {
		return work(ctx)
	}
	usage := beginSelfUsage()
	sampler := measure.StartSampling(
		measure.Pace{First: firstOwnSample, Interval: w.options.SampleInterval}, usage.read, execution.Sample,
	)
	outcome := Failed
	defer func() {
		sampler.Stop()
		execution.End(outcome, usage.end(), SourceRusage)
	}()
	err = work(context.WithValue(ctx, executionKey{}, execution))
	outcome = outcomeOf(ctx, err)
	return err
}

func outcomeOf(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Succeeded
	case errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return TimedOut
	case errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled):
		return Cancelled
	default:
		return Failed
	}
}

// The kernel's mark of the peak is the process's: what is under way shares it.
var (
	selfMu     sync.Mutex
	selfActive = map[*selfUsage]bool{}
)

// selfUsage measures this process from its creation on.
type selfUsage struct {
	started        time.Time
	tree           *measure.Tree
	cpuBefore      float64
	childrenBefore measure.Rusage
	highestBefore  float64
	isReset        bool

	// Guarded by selfMu.
	peakBytes     float64
	treePeakBytes float64
	isShared      bool
}

func beginSelfUsage() *selfUsage {
	u := &selfUsage{tree: measure.NewTree(measure.OwnPid)}
	u.tree.LeaveOutPresent()
	selfMu.Lock()
	// Before the mark is set back, those under way take what it shows.
	for other := range selfActive {
		other.observe()
		other.isShared, u.isShared = true, true
	}
	u.isReset = measure.ResetPeak()
	u.highestBefore = measure.OwnRusage().PeakBytes
	selfActive[u] = true
	selfMu.Unlock()
	u.childrenBefore = measure.ChildrenRusage()
	u.cpuBefore = measure.OwnRusage().CPUSeconds
	u.started = time.Now()
	return u
}

func (u *selfUsage) read() (measure.TreeUsage, bool) {
	tree, found := u.tree.Read()
	selfMu.Lock()
	defer selfMu.Unlock()
	u.observe()
	u.treePeakBytes = max(u.treePeakBytes, tree.MemoryBytes)
	memory := tree.MemoryBytes
	if !found {
		memory = u.peakBytes
	}
	return measure.TreeUsage{
		CPUSeconds: u.cpuSeconds(), MemoryBytes: memory, PeakBytes: max(u.peakBytes, u.treePeakBytes),
	}, true
}

func (u *selfUsage) end() Resources {
	duration := time.Since(u.started)
	cpuSeconds := u.cpuSeconds()
	selfMu.Lock()
	defer selfMu.Unlock()
	u.observe()
	delete(selfActive, u)
	if children := measure.ChildrenRusage(); children.PeakBytes > u.childrenBefore.PeakBytes {
		u.treePeakBytes = max(u.treePeakBytes, children.PeakBytes)
	}
	used := Resources{DurationMs: Of(float64(duration) / float64(time.Millisecond))}
	if peak := max(u.peakBytes, u.treePeakBytes); peak > 0 {
		used.MemoryBytes = &peak
	}
	if !u.isShared && duration > 0 {
		used.CPUCores = Of(max(0, cpuSeconds) / duration.Seconds())
	}
	return used
}

func (u *selfUsage) cpuSeconds() float64 {
	return measure.OwnRusage().CPUSeconds - u.cpuBefore + measure.ChildrenRusage().CPUSeconds - u.childrenBefore.CPUSeconds
}

// observe is called with selfMu held.
func (u *selfUsage) observe() {
	memory, found := measure.ReadMemory(measure.OwnPid)
	if found && u.isReset {
		u.peakBytes = max(u.peakBytes, memory.PeakBytes)
		return
	}
	u.peakBytes = max(u.peakBytes, memory.ResidentBytes)
	// A mark that cannot be set back counts only where it rose.
	if highest := measure.OwnRusage().PeakBytes; highest > u.highestBefore || !found {
		u.peakBytes = max(u.peakBytes, highest)
	}
}
