package foresize

import (
	"sync"
	"time"
)

const (
	// Share of one core that sampling one execution may take, beyond the first burst of it.
	maxOverhead = 0.01
	burst       = 20 * time.Millisecond
)

// sampling samples a tree: at a steady pace at first, then each wait half as long again as the one before.
type sampling struct {
	stopOnce sync.Once
	stopping chan struct{}
	done     chan struct{}
	started  time.Time
}

// pace is when to sample: first and for dense at the same pace, then ever more rarely, up to interval.
type pace struct{ first, dense, interval time.Duration }

func startSampling(p pace, read func() (treeUsage, bool), onSample func(Sample)) *sampling {
	s := &sampling{stopping: make(chan struct{}), done: make(chan struct{}), started: time.Now()}
	go s.run(p, read, onSample)
	return s
}

// stop returns once no further sample comes.
func (s *sampling) stop() {
	s.stopOnce.Do(func() { close(s.stopping) })
	<-s.done
}

func (s *sampling) run(p pace, read func() (treeUsage, bool), onSample func(Sample)) {
	defer close(s.done)
	wait := min(p.first, p.interval)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var spent, before time.Duration
	var last treeUsage
	for {
		select {
		case <-s.stopping:
			return
		case <-timer.C:
		}
		began := time.Now()
		usage, found := read()
		elapsed := time.Since(s.started)
		spent += time.Since(began)
		if found && elapsed > before {
			memory := usage.memoryBytes
			if usage.peakBytes > last.peakBytes {
				memory = usage.peakBytes
			}
			cores := max(0, usage.cpuSeconds-last.cpuSeconds) / (elapsed - before).Seconds()
			onSample(Sample{Elapsed: elapsed, CPUCores: &cores, MemoryBytes: &memory})
			last, before = usage, elapsed
		}
		if elapsed >= p.dense {
			wait = min(wait*3/2, p.interval)
		}
		timer.Reset(max(wait, time.Duration(float64(spent-burst)/maxOverhead)-elapsed))
	}
}
