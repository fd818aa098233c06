//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// Longest wait for the estimator.
	sizeWithin = 250 * time.Millisecond
	// What an answer needs before it counts as learned: as services/scheduler/domain/learning-config.ts has it.
	minExecutions       = 3
	confidenceThreshold = 0.5
)

// sizing is what a run is given.
type sizing struct {
	// With what wraps the task.
	allocated resources
	token     []byte
	notices   []notice
	// For a person.
	explanation string
	// Why nobody was asked, or nobody answered; empty where one did.
	problem string
}

// estimate is an Estimate.
type estimate struct {
	resources  resources
	confidence float64
	source     uint64
	reason     string
	executions float64
	token      []byte
	// Part of the memory in `resources`.
	overheadBytes float64
	notices       []notice
}

// Sources of an estimate that speak of the task itself or of its like.
const (
	sourceProfile    = 1
	sourceCohort     = 2
	sourceEscalation = 6
)

// sizeRun asks the estimator. With no answer the run gets what the command line gives it, which is never overridden.
func sizeRun(options *options, start *start) sizing {
	answer, err := ask(options, start)
	if err != nil {
		return sizing{allocated: options.explicit, explanation: "unavailable: " + err.Error(), problem: err.Error()}
	}
	if options.givenOverheadBytes == nil {
		options.overheadBytes = answer.overheadBytes
	} else {
		answer.resources = answer.resources.plus(options.overheadBytes)
	}
	return sizing{
		allocated:   options.explicit.over(answer.resources),
		token:       answer.token,
		notices:     answer.notices,
		explanation: answer.explain(options.explicit),
	}
}

func ask(options *options, start *start) (estimate, error) {
	channel, err := openChannel(options.estimator, options.security)
	if err != nil {
		return estimate{}, err
	}
	defer channel.close()
	ctx, cancel := context.WithTimeout(context.Background(), sizeWithin)
	defer cancel()
	encoded, err := channel.unary(ctx, "/foresize.v1.EstimatorService/Estimate", start.encodeQuery(options.givenOverheadBytes != nil))
	if ctx.Err() != nil {
		return estimate{}, fmt.Errorf("no answer within %v", sizeWithin)
	}
	if err != nil {
		return estimate{}, err
	}
	return decodeEstimate(encoded)
}

func (e estimate) explain(explicit resources) string {
	isEscalation := e.source == sourceEscalation
	switch {
	case isEscalation:
		return "escalated: " + e.reason
	case e.source != sourceProfile && e.source != sourceCohort:
		return "unknown-task: " + e.reason
	case e.executions < minExecutions:
		return fmt.Sprintf("too-few-executions: %s, %d needed", executions(e.executions), minExecutions)
	case e.confidence < confidenceThreshold:
		return fmt.Sprintf("not-confident: confidence %.2f, %v needed", e.confidence, confidenceThreshold)
	case explicit.memoryBytes != nil:
		return "explicit: " + e.reason
	default:
		return "learned: " + e.reason
	}
}

// decodeEstimate reads an EstimateResponse, and refuses what no estimator may say: better the request than garbage.
func decodeEstimate(encoded []byte) (e estimate, err error) {
	isWhole := fields(encoded, func(number protowire.Number, _ uint64, value []byte) {
		if number != 1 {
			return
		}
		fields(value, func(number protowire.Number, bits uint64, value []byte) {
			switch number {
			case 1:
				e.resources = decodeResources(value)
			case 2:
				e.confidence = math.Float64frombits(bits)
			case 3:
				e.source = bits
			case 4:
				e.reason = string(value)
			case 5:
				if dimension, overhead := decodeOverhead(value); dimension == dimensionMemory {
					e.overheadBytes = overhead
				}
			case 6:
				e.token = append([]byte(nil), value...)
			case 8:
				e.executions = math.Float64frombits(bits)
			case 12:
				e.notices = append(e.notices, decodeNotice(value))
			}
		})
	})
	r := e.resources
	isWhole = isWhole && e.overheadBytes >= 0 && e.overheadBytes <= 1e16
	for _, value := range []*float64{r.cpuCores, r.memoryBytes, r.diskBytes, r.gpuMemoryBytes, r.durationMs} {
		if value != nil && !(*value > 0 && *value <= 1e18) {
			isWhole = false
		}
	}
	if !isWhole || !(e.confidence >= 0 && e.confidence <= 1) {
		return estimate{}, fmt.Errorf("the answer cannot be read")
	}
	return e, nil
}

const dimensionMemory = 2

// decodeOverhead reads of a DimensionEstimate which dimension it is, and what of its amount wraps the task.
func decodeOverhead(encoded []byte) (dimension uint64, overhead float64) {
	fields(encoded, func(number protowire.Number, whole uint64, _ []byte) {
		switch number {
		case 1:
			dimension = whole
		case 11:
			overhead = math.Float64frombits(whole)
		}
	})
	return dimension, overhead
}
