//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

const (
	// Events are gathered for so long before they are sent.
	batchInterval = 100 * time.Millisecond
	// A server that acknowledges nothing for so long is left.
	acknowledgeWithin = 30 * time.Second
	// Waits between two connections, doubled from the first to the longest, jittered by half.
	reconnectMin, reconnectMax = 100 * time.Millisecond, 10 * time.Second
	// Connections lost in a row before the end no longer waits for another.
	maxDisconnects = 1
	// Of what others have left in the spool, in one batch.
	maxBatchBytes, maxBatchEvents = 256 << 10, 250
)

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

// pendingBatch waits for its acknowledgement.
type pendingBatch struct {
	sequence  uint64
	events    message
	isWritten bool
	holdsEnd  bool
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

// connect keeps the session over any number of connections, until all is stored or the report is stopped.
func (r *report) connect() {
	if r.journal != nil {
		r.mu.Lock()
		if damage := r.journal.recover(); damage != nil {
			r.otherRefusal = damage.Error()
		}
		r.others = r.journal.others(r.start.executionID)
		r.mu.Unlock()
	}
	channel, err := openChannel(r.options.profiler, r.options.security)
	if err != nil {
		r.mu.Lock()
		r.connection = "!" + err.Error()
		r.mu.Unlock()
		close(r.givenUp)
		return
	}
	defer channel.close()
	for wait := reconnectMin; ; wait = min(2*wait, reconnectMax) {
		wasUseful, err := r.serve(channel)
		if err == nil {
			close(r.stored)
			return
		}
		if r.ctx.Err() != nil {
			return
		}
		if wasUseful {
			wait = reconnectMin
		}
		if !r.noteDisconnect(err, wasUseful) {
			close(r.givenUp)
			return
		}
		select {
		case <-time.After(time.Duration(float64(wait) * (0.5 + rand.Float64()/2))):
		case <-r.ctx.Done():
			return
		}
	}
}

// noteDisconnect is false once the command has ended and another connection is not worth the wait.
func (r *report) noteDisconnect(err error, wasUseful bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if wasUseful {
		r.disconnects = 0
	}
	r.disconnects++
	r.connection = err.Error()
	return r.end == nil || r.disconnects <= maxDisconnects
}

var errForgotten = errors.New("the server does not know the session any more")

// serve lives as long as one stream: nil once all is stored. It was useful where anything was acknowledged.
func (r *report) serve(channel *channel) (wasUseful bool, err error) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	body, requests := io.Pipe()
	defer requests.Close()
	watchdog := time.AfterFunc(acknowledgeWithin, cancel)
	defer watchdog.Stop()
	r.mu.Lock()
	open := framed(encodeOpen(r.sessionID))
	if r.pending != nil {
		r.pending.isWritten = false
	}
	r.mu.Unlock()
	go func() { _, _ = requests.Write(open) }()
	answers, err := channel.call(ctx, "/foresize.v1.ProfilerService/StreamUsage", body)
	if err != nil {
		return false, err
	}
	defer answers.close()

	received := make(chan response)
	failed := make(chan error, 1)
	go func() { failed <- receiveAll(ctx, answers, received) }()
	isOpen := false
	since := time.Now()
	timer := time.NewTimer(batchInterval)
	defer timer.Stop()
	for {
		if isOpen {
			events, isAllStored := r.next(time.Since(since) >= batchInterval)
			if isAllStored {
				return true, nil
			}
			if events != nil {
				if _, err := requests.Write(framed(events)); err != nil {
					return wasUseful, <-failed
				}
				watchdog.Reset(acknowledgeWithin)
				since = time.Now()
			}
		}
		select {
		case response := <-received:
			isOpen = isOpen || response.isOpened
			if response.isOpened || response.isAcknowledged {
				wasUseful = wasUseful || response.isAcknowledged
				if err := r.acknowledged(response.durable, response.isOpened); err != nil {
					return wasUseful, err
				}
				watchdog.Stop()
			}
			r.heed(response)
		case err := <-failed:
			var status *statusError
			if errors.As(err, &status) && status.code == codeOutOfOrder {
				r.restart()
			}
			return wasUseful, err
		case <-r.wake:
		case <-timer.C:
			timer.Reset(batchInterval)
		}
	}
}

func receiveAll(ctx context.Context, answers *answers, received chan<- response) error {
	for {
		encoded, err := answers.next()
		if err != nil {
			return err
		}
		response, ok := decodeResponse(encoded)
		if !ok {
			return errors.New("the server sent what is no message of ours")
		}
		select {
		case received <- response:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is the request to write now, nil where there is none or it is too early, and whether nothing is left to be stored.
func (r *report) next(mayGather bool) (request message, isAllStored bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		events, holdsEnd := r.gather(mayGather)
		if events == nil {
			return nil, r.isEndTaken && len(r.others) == 0
		}
		r.sequence++
		r.pending = &pendingBatch{sequence: r.sequence, events: events, holdsEnd: holdsEnd}
	}
	if r.pending.isWritten {
		return nil, false
	}
	r.pending.isWritten = true
	return encodeBatch(r.pending.sequence, r.pending.events), false
}

// gather takes what waits into the next batch; what others have left comes after our own end.
func (r *report) gather(mayGather bool) (events message, holdsEnd bool) {
	if r.isEndTaken {
		return r.gatherOthers(), false
	}
	if !mayGather && r.end == nil {
		return nil, false
	}
	var next batch
	if !r.isStartTaken {
		next.start = r.start.encode()
	}
	if r.held != nil && (r.end != nil || r.held.Elapsed-r.sent >= r.minInterval) {
		next.sample = encodeSample(r.start.executionID, *r.held, r.sent)
		r.sent, r.held = r.held.Elapsed, nil
	}
	next.end = r.end
	if next.isEmpty() {
		return nil, false
	}
	r.isStartTaken, r.isEndTaken = true, r.end != nil
	return next.encode(), r.isEndTaken
}

// gatherOthers joins what others have left: messages of one kind, one behind the other, are one message.
func (r *report) gatherOthers() (events message) {
	taken := 0
	for _, each := range r.others {
		if taken == maxBatchEvents || taken > 0 && len(events)+len(each) > maxBatchBytes {
			break
		}
		events = append(events, each...)
		taken++
	}
	r.others = r.others[taken:]
	return events
}

// acknowledged is an error where the server's watermark is not ours: it has lost the session, or somebody has ended it.
func (r *report) acknowledged(durable uint64, isOpening bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending != nil && durable == r.pending.sequence {
		r.pending = nil
	}
	before := r.sequence
	if r.pending != nil {
		before--
	}
	if durable == before {
		return nil
	}
	r.startAnew()
	if durable == 0 && isOpening {
		// The same session, from its beginning.
		r.sessionID = "run:" + r.start.executionID
		return nil
	}
	return errForgotten
}

func (r *report) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startAnew()
}

// startAnew tells all of our own again in another session: the server may have lost what it had acknowledged.
func (r *report) startAnew() {
	r.sessionID = randomUUID()
	r.sequence, r.pending, r.isStartTaken, r.isEndTaken = 0, nil, false, false
	r.sent = 0
	if r.all != nil {
		all := *r.all
		r.held = &all
	}
	if r.journal != nil {
		r.others = r.journal.others(r.start.executionID)
	}
}

func (r *report) heed(response response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if response.minSampleInterval > 0 {
		r.minInterval = response.minSampleInterval
	}
	switch {
	case response.refusal == "":
	// What earlier runs have left in the spool may be refused too.
	case response.refusedID == r.start.executionID || r.journal == nil:
		r.refusal = firstOf(r.refusal, "refused by the profiler: "+response.refusal)
	default:
		r.otherRefusal = firstOf(r.otherRefusal,
			fmt.Sprintf("%s, kept in %s, was refused: %s", response.refusedID, r.options.spool, response.refusal))
	}
}

func startOf(options *options) *start {
	return &start{
		executionID: firstOf(options.executionID, randomUUID()), namespace: options.namespace, task: options.task,
		attempt: options.attempt, features: options.features, labels: options.labels,
		allocated: options.explicit.less(options.overheadBytes), estimateToken: options.estimateToken,
	}
}

func randomUUID() string {
	high, low := rand.Uint64(), rand.Uint64()
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&0xffffffffffff)
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// oneLine is text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
