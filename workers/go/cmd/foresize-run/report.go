//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// Connections lost in a row before the end no longer waits for another.
const maxDisconnects = 1

// report is what the profiler is told of the run: one execution in one session of its own, a batch at a time. What is
// not acknowledged is sent again, and by the next run where there is a spool.
type report struct {
	options *options
	start   *start

	mu      sync.Mutex
	journal *journal
	// Said of the spool, the session, the profiler, where something is wrong.
	spoolProblem, otherRefusal, refusal, connection string
	sessionID                                       string
	// Of the batch made last.
	sequence     uint64
	pending      *pendingBatch
	isStartTaken bool
	// What was sampled and is in no batch yet, and all of it.
	held, all   *measure.Sample
	sent        time.Duration
	minInterval time.Duration
	end         message
	isEndTaken  bool
	others      []message
	disconnects int

	wake    chan struct{}
	stored  chan struct{}
	givenUp chan struct{}
	stop    context.CancelFunc
	ctx     context.Context
}

// newReport puts the start on record, where there is a spool, before the command can be killed.
func newReport(options *options, start *start) *report {
	r := &report{
		options: options, start: start, sessionID: "run:" + start.executionID,
		wake: make(chan struct{}, 1), stored: make(chan struct{}), givenUp: make(chan struct{}),
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	if options.spool != "" {
		journal, err := openJournal(options.spool)
		if err == nil {
			err = journal.append(batch{start: start.encode()}.encode())
		}
		if err != nil {
			r.noteSpool(err)
		} else {
			r.journal = journal
		}
	}
	return r
}

func (r *report) noteSpool(err error) {
	if r.spoolProblem == "" {
		r.spoolProblem = fmt.Sprintf("nothing can be kept in %s: %v", r.options.spool, err)
	}
}

// forget is for a command that never ran: it is no execution.
func (r *report) forget() {
	r.stop()
	if r.journal != nil {
		r.journal.remove()
	}
}

func (r *report) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *report) sample(sample measure.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	join := func(before *measure.Sample, since time.Duration) *measure.Sample {
		joined := sample
		if before != nil {
			joined = measure.Join(*before, sample, since)
		}
		return &joined
	}
	r.held, r.all = join(r.held, r.sent), join(r.all, 0)
	r.notify()
}

// finish waits until all is stored, no longer than within, and returns what a person is to know; empty where all is well.
func (r *report) finish(ended result, within time.Duration) string {
	r.mu.Lock()
	r.end = encodeEnd(r.start.executionID, ended)
	if r.journal != nil {
		last := batch{end: r.end}
		if r.all != nil {
			last.sample = encodeSample(r.start.executionID, *r.all, 0)
		}
		if err := r.journal.append(last.encode()); err != nil {
			r.noteSpool(err)
		}
	}
	// One attempt more, whatever came before: the profiler may be back by now.
	r.disconnects = min(r.disconnects, maxDisconnects)
	r.mu.Unlock()
	r.notify()
	isStored := false
	select {
	case <-r.stored:
		isStored = true
	case <-r.givenUp:
	case <-time.After(within):
	}
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if isStored && r.journal != nil {
		r.journal.remove()
	}
	return r.told(isStored)
}

func (r *report) told(isStored bool) string {
	if r.refusal != "" {
		return r.refusal
	}
	if isStored {
		return firstOf(r.spoolProblem, r.otherRefusal)
	}
	unsent := "not reported"
	if r.journal != nil && r.spoolProblem == "" {
		unsent = fmt.Sprintf("kept in %s for the next run to report", r.options.spool)
	}
	if r.spoolProblem != "" {
		unsent += "; " + r.spoolProblem
	}
	if why, isOurs := strings.CutPrefix(r.connection, "!"); isOurs {
		return unsent + ": " + why
	}
	return fmt.Sprintf("%s; the profiler at %s: %s", unsent, r.options.profiler, firstOf(r.connection, "no answer in time"))
}

func startOf(options *options) *start {
	return &start{
		executionID: firstOf(options.executionID, randomUUID()), namespace: options.namespace, task: options.task,
		attempt: options.attempt, features: options.features, labels: options.labels,
		allocated: options.explicit.less(options.overheadBytes), estimateToken: options.estimateToken,
	}
}
