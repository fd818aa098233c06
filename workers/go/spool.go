package foresize

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/foresize/foresize/workers/go/foresizev1"
	"github.com/foresize/foresize/workers/go/internal/measure"
)

const (
	// Starts, sampled executions or ends of one batch, as the contract has it.
	maxEvents = 1000
	// Executions that a server keeps open in one session that does not say.
	defaultMaxOpen = 1000
	// Samples of one execution in one batch, as the contract has it.
	maxSamplesOfOne = 10_000
)

// spool holds events that wait, then batches that wait for their acknowledgement. Its owner locks.
//
// Law: a start that was taken is never dropped, nor its end; samples are thinned before that, never lost whole.
// Order: within a batch and over batches, an execution's start comes before its samples, and they before its end.
type spool struct {
	maxSamples, maxExecutions, maxBatchBytes int

	waiting map[string]*waitingEvents
	// Keys of waiting, oldest first.
	order []string
	// Until the end is acknowledged.
	known          map[string]*knownExecution
	sequence       uint32
	waitingSamples int
	thinnedSamples int
	open           int
	// Executions that the server keeps open in one session: a start above waits until another has ended.
	maxOpen int
	// In order of their sequence.
	unacknowledged []*foresizev1.UsageBatch
}

type waitingEvents struct {
	start   *foresizev1.ExecutionStart
	samples []Sample
	end     *foresizev1.ExecutionEnd
}

type knownExecution struct {
	start *foresizev1.ExecutionStart
	// Where the samples moved into batches end.
	sent  time.Duration
	ended bool
	// Its start is in a batch, its end is not.
	isOpen bool
}

func newSpool(maxSamples, maxExecutions, maxBatchBytes int) *spool {
	return &spool{
		maxSamples:    max(maxSamples, 4*maxExecutions),
		maxExecutions: maxExecutions,
		maxBatchBytes: maxBatchBytes,
		maxOpen:       defaultMaxOpen,
		waiting:       map[string]*waitingEvents{},
		known:         map[string]*knownExecution{},
	}
}

// start is false where the spool is full, or holds the execution already: then nothing of it may be added.
func (s *spool) start(start *foresizev1.ExecutionStart) bool {
	if _, held := s.known[start.ExecutionId]; held || len(s.known) >= s.maxExecutions {
		return false
	}
	s.known[start.ExecutionId] = &knownExecution{start: start}
	s.waitingOf(start.ExecutionId).start = start
	return true
}

func (s *spool) sample(executionID string, sample Sample) {
	known := s.known[executionID]
	if known == nil || known.ended {
		return
	}
	events := s.waitingOf(executionID)
	events.samples = append(events.samples, sample)
	s.waitingSamples++
	if len(events.samples) >= maxSamplesOfOne {
		s.thin(executionID)
	}
	if s.waitingSamples > s.maxSamples {
		for each := range s.waiting {
			s.thin(each)
		}
	}
}

func (s *spool) end(end *foresizev1.ExecutionEnd) {
	known := s.known[end.ExecutionId]
	if known == nil || known.ended {
		return
	}
	known.ended = true
	s.waitingOf(end.ExecutionId).end = end
}

// nextBatch moves waiting events into the next batch, nil where none may be sent. It stays until it is acknowledged.
func (s *spool) nextBatch() *foresizev1.UsageBatch {
	batch := &foresizev1.UsageBatch{Sequence: s.sequence + 1}
	bytes, taken := 0, 0
	var kept []string
	for i, executionID := range s.order {
		events, known := s.waiting[executionID], s.known[executionID]
		if events.start != nil && events.end == nil && s.open >= s.maxOpen {
			kept = append(kept, executionID)
			continue
		}
		bytes += events.sizeBytes()
		if taken > 0 && (bytes > s.maxBatchBytes || taken == maxEvents) {
			kept = append(kept, s.order[i:]...)
			break
		}
		taken++
		s.move(events, known, batch, executionID)
	}
	if taken == 0 {
		return nil
	}
	s.order = kept
	s.sequence++
	s.unacknowledged = append(s.unacknowledged, batch)
	return batch
}

func (s *spool) move(events *waitingEvents, known *knownExecution, batch *foresizev1.UsageBatch, executionID string) {
	if events.start != nil {
		batch.Starts = append(batch.Starts, events.start)
	}
	if len(events.samples) > 0 {
		batch.Samples = append(batch.Samples, samplesToWire(executionID, events.samples, known.sent))
		known.sent = events.samples[len(events.samples)-1].Elapsed
		s.waitingSamples -= len(events.samples)
	}
	if events.end != nil {
		batch.Ends = append(batch.Ends, events.end)
	}
	if isOpen := events.end == nil; isOpen != known.isOpen {
		known.isOpen = isOpen
		if isOpen {
			s.open++
		} else {
			s.open--
		}
	}
	delete(s.waiting, executionID)
}

// acknowledge forgets what is stored. False where the server claims more than was sent, or less than it had said.
func (s *spool) acknowledge(durableSequence uint32) bool {
	stored := int(durableSequence) - int(s.sequence) + len(s.unacknowledged)
	if durableSequence > s.sequence || stored < 0 {
		return false
	}
	for _, batch := range s.unacknowledged[:stored] {
		for _, end := range batch.Ends {
			delete(s.known, end.ExecutionId)
		}
	}
	s.unacknowledged = append([]*foresizev1.UsageBatch(nil), s.unacknowledged[stored:]...)
	return true
}

// restart is for a server that has lost the session: it numbers the unacknowledged batches from 1 again, behind the
// starts of every execution whose end is not acknowledged. Sample times count from the start again: what was
// acknowledged of them may be lost too. Batches are replaced, not changed: one may be on its way.
func (s *spool) restart() {
	kept := map[string]bool{}
	columns := map[string][]*foresizev1.UsageSamples{}
	copies := make([]*foresizev1.UsageBatch, len(s.unacknowledged))
	for i, batch := range s.unacknowledged {
		copies[i] = proto.Clone(batch).(*foresizev1.UsageBatch)
		for _, start := range batch.Starts {
			kept[start.ExecutionId] = true
		}
		for _, samples := range copies[i].Samples {
			columns[samples.ExecutionId] = append(columns[samples.ExecutionId], samples)
		}
	}
	var starts []*foresizev1.ExecutionStart
	for executionID, known := range s.known {
		rebase(known, columns[executionID])
		if events := s.waiting[executionID]; !kept[executionID] && (events == nil || events.start == nil) {
			starts = append(starts, known.start)
		}
	}
	// A quarter of what a batch may hold: each start may have a token and labels.
	var again []*foresizev1.UsageBatch
	for from := 0; from < len(starts); from += maxEvents / 4 {
		some := starts[from:min(from+maxEvents/4, len(starts))]
		again = append(again, &foresizev1.UsageBatch{Starts: some})
	}
	s.unacknowledged = append(again, copies...)
	for i, batch := range s.unacknowledged {
		batch.Sequence = uint32(i + 1)
	}
	s.sequence = uint32(len(s.unacknowledged))
}

func rebase(known *knownExecution, pending []*foresizev1.UsageSamples) {
	if len(pending) == 0 {
		known.sent = 0
		return
	}
	behindMs := wholeMs(known.sent)
	for _, samples := range pending {
		for _, delta := range samples.ElapsedDeltaMs {
			behindMs -= int64(delta)
		}
	}
	pending[0].ElapsedDeltaMs[0] += uint32(max(0, behindMs))
}

func (s *spool) isEmpty() bool { return len(s.order) == 0 && len(s.unacknowledged) == 0 }

func (s *spool) waitingOf(executionID string) *waitingEvents {
	events := s.waiting[executionID]
	if events == nil {
		events = &waitingEvents{}
		s.waiting[executionID] = events
		s.order = append(s.order, executionID)
	}
	return events
}

func (s *spool) thin(executionID string) {
	events := s.waiting[executionID]
	before := len(events.samples)
	events.samples = measure.Thin(events.samples, s.known[executionID].sent)
	gone := before - len(events.samples)
	s.waitingSamples -= gone
	s.thinnedSamples += gone
}

// sizeBytes is the size on the wire, about.
func (events *waitingEvents) sizeBytes() int {
	bytes := len(events.samples) * 24
	if events.start != nil {
		bytes += proto.Size(events.start) + 8
	}
	if events.end != nil {
		bytes += proto.Size(events.end) + 8
	}
	return bytes
}
