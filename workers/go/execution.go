package foresize

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// Execution is one attempt at a task. Safe for concurrent use.
type Execution struct {
	worker            *Worker
	id                string
	startedAt         time.Time
	minSampleInterval time.Duration
	isRecorded        bool

	// Guarded by the session's lock.
	isOpen bool
	sent   time.Duration
	held   *Sample
}

// ID is unique per attempt.
func (e *Execution) ID() string { return e.id }

// IsRecorded is false where the server asked for a fraction and this one is not in it, or it could not be taken.
func (e *Execution) IsRecorded() bool { return e.isRecorded }

// Sample adds one. Samples that the server wants further apart are joined.
func (e *Execution) Sample(sample Sample) {
	if !e.isRecorded {
		return
	}
	if sample.Elapsed == 0 {
		sample.Elapsed = time.Since(e.startedAt)
	}
	if sample.Elapsed < 0 || sample.Elapsed > math.MaxUint32*time.Millisecond {
		message := fmt.Sprintf("a sample's time is %v", sample.Elapsed)
		e.worker.report(Problem{Kind: Rejected, Message: message, ExecutionID: e.id})
		return
	}
	session := e.worker.session
	session.mu.Lock()
	defer session.mu.Unlock()
	if !e.isOpen {
		return
	}
	if e.held != nil {
		sample = measure.Join(*e.held, sample, e.sent)
	}
	e.held = &sample
	if sample.Elapsed-e.sent < e.minSampleInterval {
		return
	}
	session.spool.sample(e.id, sample)
	e.sent, e.held = sample.Elapsed, nil
	session.wake()
}

// End ends it, once; later calls do nothing. What is set in used wins over the samples.
func (e *Execution) End(outcome Outcome, used Resources, source Source) {
	if !e.isRecorded {
		return
	}
	end, err := endToWire(e.id, outcome, used, source)
	if err != nil {
		e.worker.report(Problem{Kind: Rejected, Message: "its end cannot be encoded: " + err.Error(), ExecutionID: e.id})
		end, _ = endToWire(e.id, Lost, Resources{}, SourceUnknown)
	}
	session := e.worker.session
	session.mu.Lock()
	defer session.mu.Unlock()
	if !e.isOpen {
		return
	}
	e.isOpen = false
	if e.held != nil {
		session.spool.sample(e.id, *e.held)
		e.held = nil
	}
	session.spool.end(end)
	e.worker.ended.Add(1)
	session.wake()
}

type executionKey struct{}

// ExecutionFrom is the execution that [Worker.Profile] runs ctx's function as, nil where there is none.
func ExecutionFrom(ctx context.Context) *Execution {
	execution, _ := ctx.Value(executionKey{}).(*Execution)
	return execution
}
