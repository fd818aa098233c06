package foresize

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

func startOf(id string) *foresizev1.ExecutionStart {
	return &foresizev1.ExecutionStart{ExecutionId: id, Task: &foresizev1.TaskKey{Task: "t"}}
}

func endOf(id string) *foresizev1.ExecutionEnd {
	return &foresizev1.ExecutionEnd{ExecutionId: id, Outcome: foresizev1.Outcome_OUTCOME_SUCCEEDED}
}

func ms(value int) time.Duration { return time.Duration(value) * time.Millisecond }

func drain(s *spool) (batches []*foresizev1.UsageBatch) {
	for batch := s.nextBatch(); batch != nil; batch = s.nextBatch() {
		batches = append(batches, batch)
	}
	return batches
}

func TestAFullSpoolRefusesStartsAndTakesEveryEnd(t *testing.T) {
	full := newSpool(1000, 3, 1<<18)
	for i := range 5 {
		if taken := full.start(startOf(fmt.Sprint(i))); taken != (i < 3) {
			t.Fatalf("start %d taken: %v", i, taken)
		}
	}
	ends := 0
	for i := range 5 {
		full.end(endOf(fmt.Sprint(i)))
	}
	batches := drain(full)
	for _, batch := range batches {
		ends += len(batch.Ends)
	}
	if ends != 3 || !full.acknowledge(batches[len(batches)-1].Sequence) || !full.start(startOf("4")) {
		t.Fatalf("%d ends of 3", ends)
	}
}

func TestSamplesAreThinnedBeforeAnyIsDropped(t *testing.T) {
	small := newSpool(40, 10, 1<<18)
	small.start(startOf("a"))
	for i := range 10_000 {
		small.sample("a", Sample{Elapsed: ms(i + 1), CPUCores: Of(1), MemoryBytes: Of(float64(i))})
	}
	if small.waitingSamples > 40 || small.thinnedSamples != 10_000-small.waitingSamples {
		t.Fatalf("%d wait, %d thinned", small.waitingSamples, small.thinnedSamples)
	}
	samples := drain(small)[0].Samples[0]
	total, peak := uint32(0), 0.0
	for i, delta := range samples.ElapsedDeltaMs {
		total, peak = total+delta, max(peak, samples.MemoryBytes[i])
	}
	if total != 10_000 || peak != 9999 {
		t.Fatalf("%d ms, peak %v", total, peak)
	}
}

func TestBatchesStaySmallAndNumbered(t *testing.T) {
	many := newSpool(1000, 100, 500)
	for i := range 20 {
		many.start(startOf(fmt.Sprint(i)))
		many.sample(fmt.Sprint(i), Sample{Elapsed: ms(5)})
	}
	batches := drain(many)
	if len(batches) < 2 {
		t.Fatal("all in one")
	}
	for i, batch := range batches {
		if batch.Sequence != uint32(i+1) || proto.Size(batch) > 700 {
			t.Fatalf("batch %d is number %d and has %d bytes", i, batch.Sequence, proto.Size(batch))
		}
	}
}

func TestAnAcknowledgementThatCannotBeIsTold(t *testing.T) {
	some := newSpool(1000, 100, 1<<18)
	some.start(startOf("a"))
	drain(some)
	some.end(endOf("a"))
	drain(some)
	for _, step := range []struct {
		sequence uint32
		fits     bool
	}{{3, false}, {1, true}, {1, true}, {0, false}, {2, true}} {
		if some.acknowledge(step.sequence) != step.fits {
			t.Fatalf("%v", step)
		}
	}
	if !some.isEmpty() {
		t.Fatal("something is left")
	}
}

func TestARestartSendsEveryOpenStartAgainAndCountsSampleTimesFromTheStart(t *testing.T) {
	lost := newSpool(1000, 100, 1<<18)
	lost.start(startOf("a"))
	lost.sample("a", Sample{Elapsed: ms(100)})
	lost.start(startOf("b"))
	lost.sample("b", Sample{Elapsed: ms(70)})
	drain(lost)
	lost.acknowledge(1)
	lost.sample("a", Sample{Elapsed: ms(150)})
	lost.end(endOf("a"))
	drain(lost)
	lost.restart()
	lost.sample("b", Sample{Elapsed: ms(90)})
	again := append(lost.unacknowledged[:2:2], drain(lost)...)
	if len(again[0].Starts) != 2 || again[1].Samples[0].ElapsedDeltaMs[0] != 150 ||
		again[2].Samples[0].ElapsedDeltaMs[0] != 90 || again[2].Sequence != 3 {
		t.Fatalf("%v", again)
	}
}

func TestNoMoreAreOpenAtTheServerThanItKeeps(t *testing.T) {
	many := newSpool(1000, 5000, 1<<18)
	for i := range 2500 {
		many.start(startOf(fmt.Sprint(i)))
	}
	if batches := drain(many); len(batches) != 1 || len(batches[0].Starts) != 1000 {
		t.Fatalf("%d batches", len(batches))
	}
	many.sample("7", Sample{Elapsed: ms(5)})
	many.end(endOf("0"))
	many.end(endOf("2400"))
	// One that has ended meanwhile needs no place, and one place was free.
	var started []string
	for _, batch := range drain(many) {
		for _, start := range batch.Starts {
			started = append(started, start.ExecutionId)
		}
	}
	if strings.Join(started, " ") != "2400 1000" {
		t.Fatalf("%v", started)
	}
	ends := 0
	for i := range 2500 {
		many.end(endOf(fmt.Sprint(i)))
	}
	for _, batch := range drain(many) {
		ends += len(batch.Ends)
	}
	if ends != 2498 || len(many.waiting) != 0 {
		t.Fatalf("%d ends, %d wait", ends, len(many.waiting))
	}
}
