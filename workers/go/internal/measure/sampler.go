package measure

import (
	"runtime"
	"sync"
	"time"
)

const (
	// Share of one core that sampling one execution may take, beyond the first burst of it.
	maxOverhead = 0.01
	burst       = 20 * time.Millisecond
)

// Sampling samples a tree: at a steady pace at first, then each wait half as long again as the one before.
type Sampling struct {
	stopOnce sync.Once
	stopping chan struct{}
	done     chan struct{}
	started  time.Time
}

// Pace is when to sample: first and for dense at the same pace, then ever more rarely, up to interval.
type Pace struct{ First, Dense, Interval time.Duration }

func StartSampling(p Pace, read func() (TreeUsage, bool), onSample func(Sample)) *Sampling {
	s := &Sampling{stopping: make(chan struct{}), done: make(chan struct{}), started: time.Now()}
	go s.run(p, read, onSample)
	return s
}

// Stop returns once no further sample comes.
func (s *Sampling) Stop() {
	s.stopOnce.Do(func() { close(s.stopping) })
	<-s.done
}

// costOf is a reading and the CPU time of it: on a busy machine one takes long without costing much.
func costOf(read func() (TreeUsage, bool)) (TreeUsage, bool, time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	usage, found := read()
	return usage, found, threadCPU() - before
}

func (s *Sampling) run(p Pace, read func() (TreeUsage, bool), onSample func(Sample)) {
	defer close(s.done)
	wait := min(p.First, p.Interval)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var spent, before time.Duration
	var last TreeUsage
	for {
		select {
		case <-s.stopping:
			return
		case <-timer.C:
		}
		usage, found, cost := costOf(read)
		elapsed := time.Since(s.started)
		spent += cost
		if found && elapsed > before {
			memory := usage.MemoryBytes
			if usage.PeakBytes > last.PeakBytes {
				memory = usage.PeakBytes
			}
			cores := max(0, usage.CPUSeconds-last.CPUSeconds) / (elapsed - before).Seconds()
			onSample(Sample{Elapsed: elapsed, CPUCores: &cores, MemoryBytes: &memory})
			last, before = usage, elapsed
		}
		if elapsed >= p.Dense {
			wait = min(wait*3/2, p.Interval)
		}
		timer.Reset(max(wait, time.Duration(float64(spent-burst)/maxOverhead)-elapsed))
	}
}
