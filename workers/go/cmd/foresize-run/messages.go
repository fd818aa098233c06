//go:build linux

package main

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// The few messages of proto/foresize/v1 that a run needs, field by field: generated code and its registry would weigh
// more than all else together (decision 19). test/e2e/runner.test.ts holds them to the contract.

type outcome uint64

const (
	succeeded outcome = iota + 1
	failed
	outOfMemory
	timedOut
	evicted
	cancelled
	lost
)

func (o outcome) String() string {
	return [...]string{"", "succeeded", "failed", "out-of-memory", "timed-out", "evicted", "cancelled", "lost"}[o]
}

type source uint64

const (
	unknown source = iota
	cgroup
	rusage
	sampled
)

func (s source) String() string { return [...]string{"unknown", "cgroup", "rusage", "sampled"}[s] }

// start is an ExecutionStart.
type start struct {
	executionID, namespace, task string
	attempt                      uint64
	features                     map[string]float64
	labels                       map[string]string
	allocated                    resources
	estimateToken                []byte
}

// measured is what was measured beside what was used.
type measured struct{ treeMemoryBytes, chargedMemoryBytes, throttledMs, overheadMemoryBytes *float64 }

// message is one that is being encoded.
type message []byte

func (m *message) text(number protowire.Number, value string) { m.bytes(number, []byte(value)) }

func (m *message) bytes(number protowire.Number, value []byte) {
	if len(value) > 0 {
		m.message(number, value)
	}
}

func (m *message) message(number protowire.Number, value []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, number, protowire.BytesType), value)
}

func (m *message) whole(number protowire.Number, value uint64) {
	if value != 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, number, protowire.VarintType), value)
	}
}

func (m *message) double(number protowire.Number, value *float64) {
	if value != nil {
		*m = protowire.AppendFixed64(protowire.AppendTag(*m, number, protowire.Fixed64Type), math.Float64bits(*value))
	}
}

func (r resources) encode() (m message) {
	m.double(1, r.cpuCores)
	m.double(2, r.memoryBytes)
	m.double(3, r.diskBytes)
	m.double(4, r.gpuMemoryBytes)
	m.double(5, r.durationMs)
	return m
}

func (s *start) encodeTask() (m message) {
	m.text(1, s.namespace)
	m.text(2, s.task)
	return m
}

func encodeFeatures(m *message, number protowire.Number, features map[string]float64) {
	for key, value := range features {
		var entry message
		entry.text(1, key)
		entry.double(2, &value)
		m.message(number, entry)
	}
}

func encodeLabels(m *message, number protowire.Number, labels map[string]string) {
	for key, value := range labels {
		var entry message
		entry.text(1, key)
		entry.text(2, value)
		m.message(number, entry)
	}
}

func (s *start) encode() (m message) {
	m.text(1, s.executionID)
	m.message(2, s.encodeTask())
	m.whole(3, s.attempt)
	encodeFeatures(&m, 4, s.features)
	encodeLabels(&m, 5, s.labels)
	m.message(7, s.allocated.encode())
	m.bytes(8, s.estimateToken)
	return m
}

// encodeQuery is an EstimateRequest. Who adds what wraps the task itself asks for the task alone.
func (s *start) encodeQuery(isAlone bool) (request message) {
	var m message
	m.message(1, s.encodeTask())
	encodeFeatures(&m, 2, s.features)
	encodeLabels(&m, 3, s.labels)
	m.whole(5, s.attempt)
	if isAlone {
		var policy message
		policy.message(6, nil)
		m.message(8, policy)
	}
	m.text(9, s.executionID)
	request.message(1, m)
	return request
}

// encodeSample is a UsageSamples of one; the time counts from since.
func encodeSample(executionID string, sample measure.Sample, since time.Duration) (m message) {
	column := func(number protowire.Number, value *float64) {
		if value != nil {
			m.message(number, protowire.AppendFixed64(nil, math.Float64bits(*value)))
		}
	}
	m.text(1, executionID)
	delta := max(0, sample.Elapsed.Round(time.Millisecond).Milliseconds()-since.Round(time.Millisecond).Milliseconds())
	m.message(2, protowire.AppendVarint(nil, uint64(min(delta, math.MaxUint32))))
	column(3, sample.CPUCores)
	column(4, sample.MemoryBytes)
	return m
}

// encodeEnd is an ExecutionEnd.
func encodeEnd(executionID string, ended result) (m message) {
	m.text(1, executionID)
	m.whole(2, uint64(ended.outcome))
	m.message(3, ended.used.encode())
	m.whole(4, uint64(ended.source))
	var figures message
	figures.double(1, ended.measured.treeMemoryBytes)
	figures.double(2, ended.measured.chargedMemoryBytes)
	figures.double(3, ended.measured.throttledMs)
	figures.double(4, ended.measured.overheadMemoryBytes)
	m.bytes(5, figures)
	return m
}

// batch is a UsageBatch as far as it is filled; zero: empty.
type batch struct{ start, sample, end message }

func (b batch) isEmpty() bool { return b.start == nil && b.sample == nil && b.end == nil }

// encode leaves the sequence to who sends it.
func (b batch) encode() (m message) {
	m.bytes(2, b.start)
	m.bytes(3, b.sample)
	m.bytes(4, b.end)
	return m
}

// encodeOpen is the request that opens a session, encodeBatch one that carries a batch.
func encodeOpen(sessionID string) (request message) {
	var open message
	open.text(1, sessionID)
	open.text(2, "foresize-run")
	request.message(1, open)
	return request
}

func encodeBatch(sequence uint64, events message) (request message) {
	var numbered message
	numbered.whole(1, sequence)
	request.message(2, append(numbered, events...))
	return request
}

// fields calls each with every field of a message; a number's value is in whole, a double's bits too. False where it is
// damaged.
func fields(encoded []byte, each func(number protowire.Number, whole uint64, bytes []byte)) bool {
	for len(encoded) > 0 {
		number, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return false
		}
		encoded = encoded[n:]
		var whole uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			whole, n = protowire.ConsumeVarint(encoded)
		case protowire.Fixed64Type:
			whole, n = protowire.ConsumeFixed64(encoded)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(encoded)
		default:
			n = protowire.ConsumeFieldValue(number, kind, encoded)
		}
		if n < 0 {
			return false
		}
		encoded = encoded[n:]
		each(number, whole, bytes)
	}
	return true
}

func decodeResources(encoded []byte) (r resources) {
	fields(encoded, func(number protowire.Number, bits uint64, _ []byte) {
		value := of(math.Float64frombits(bits))
		switch number {
		case 1:
			r.cpuCores = value
		case 2:
			r.memoryBytes = value
		case 3:
			r.diskBytes = value
		case 4:
			r.gpuMemoryBytes = value
		case 5:
			r.durationMs = value
		}
	})
	return r
}

// response is a StreamUsageResponse: what it says of durable batches, what was refused, how far apart samples are to be.
type response struct {
	isOpened, isAcknowledged bool
	durable                  uint64
	refusedID, refusal       string
	minSampleInterval        time.Duration
}

func decodeResponse(encoded []byte) (r response, ok bool) {
	ok = fields(encoded, func(number protowire.Number, _ uint64, value []byte) {
		switch number {
		case 1, 2:
			r.isOpened, r.isAcknowledged = number == 1, number == 2
			fields(value, func(number protowire.Number, whole uint64, _ []byte) {
				if number == 1 {
					r.durable = whole
				}
			})
		case 3:
			r.refusedID, r.refusal = decodeRejection(value)
		case 4:
			fields(value, func(number protowire.Number, whole uint64, _ []byte) {
				if number == 3 {
					r.minSampleInterval = time.Duration(min(whole, math.MaxUint32)) * time.Millisecond
				}
			})
		}
	})
	return r, ok
}

func decodeRejection(encoded []byte) (executionID, why string) {
	fields(encoded, func(number protowire.Number, _ uint64, value []byte) {
		switch number {
		case 2:
			executionID = string(value)
		case 3:
			var name, description string
			fields(value, func(number protowire.Number, _ uint64, text []byte) {
				switch number {
				case 1:
					name = string(text)
				case 2:
					description = string(text)
				}
			})
			if why != "" {
				why += "; "
			}
			why += name + " " + description
		}
	})
	return executionID, why
}

// executionsOf are the ids that a UsageBatch starts and ends.
func executionsOf(events []byte) (started, ended []string) {
	idOf := func(event []byte) (id string) {
		fields(event, func(number protowire.Number, _ uint64, value []byte) {
			if number == 1 {
				id = string(value)
			}
		})
		return id
	}
	fields(events, func(number protowire.Number, _ uint64, value []byte) {
		switch number {
		case 2:
			started = append(started, idOf(value))
		case 4:
			ended = append(ended, idOf(value))
		}
	})
	return started, ended
}
