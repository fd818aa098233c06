//go:build linux

package main

import "fmt"

// Of what others have left in the spool, in one batch.
const maxBatchBytes, maxBatchEvents = 256 << 10, 250

// pendingBatch waits for its acknowledgement.
type pendingBatch struct {
	sequence  uint64
	events    message
	isWritten bool
}

// next is the request to write now, nil where there is none or it is too early, and whether nothing is left to be stored.
func (r *report) next(mayGather bool) (request message, isAllStored bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		events := r.gather(mayGather)
		if events == nil {
			return nil, r.isEndTaken && len(r.others) == 0
		}
		r.sequence++
		r.pending = &pendingBatch{sequence: r.sequence, events: events}
	}
	if r.pending.isWritten {
		return nil, false
	}
	r.pending.isWritten = true
	return encodeBatch(r.pending.sequence, r.pending.events), false
}

// gather takes what waits into the next batch; what others have left comes after our own end.
func (r *report) gather(mayGather bool) message {
	if r.isEndTaken {
		return r.gatherOthers()
	}
	if !mayGather && r.end == nil {
		return nil
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
		return nil
	}
	r.isStartTaken, r.isEndTaken = true, r.end != nil
	return next.encode()
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
