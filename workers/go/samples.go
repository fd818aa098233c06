package foresize

import (
	"math"
	"time"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// Sample is what an execution used at one moment. Nil: not measured.
type Sample struct {
	// Since the start of the execution. Zero means now.
	Elapsed time.Duration
	// The mean since the sample before; the first: since the start.
	CPUCores *float64
	// Resident now, or the peak since the sample before where that is known.
	MemoryBytes    *float64
	DiskBytes      *float64
	GPUMemoryBytes *float64
}

// joinSamples makes one of two neighbours; since is where the first begins.
// Law: it keeps the peak of every level (memory, disk, GPU memory) and the integral of the rate (CPU) over time.
func joinSamples(first, second Sample, since time.Duration) Sample {
	return Sample{
		Elapsed:        second.Elapsed,
		CPUCores:       meanRate(first.CPUCores, second.CPUCores, first.Elapsed-since, second.Elapsed-first.Elapsed),
		MemoryBytes:    highest(first.MemoryBytes, second.MemoryBytes),
		DiskBytes:      highest(first.DiskBytes, second.DiskBytes),
		GPUMemoryBytes: highest(first.GPUMemoryBytes, second.GPUMemoryBytes),
	}
}

// thin leaves half as many samples, in place.
func thin(samples []Sample, since time.Duration) []Sample {
	kept := samples[:0]
	start := since
	for i := 0; i < len(samples); i += 2 {
		joined := samples[i]
		if i+1 < len(samples) {
			joined = joinSamples(joined, samples[i+1], start)
		}
		kept = append(kept, joined)
		start = joined.Elapsed
	}
	return kept
}

// samplesToWire counts the first from since, where the samples sent before end. A column that some samples lack is
// filled from their neighbours, the earlier one first.
func samplesToWire(executionID string, samples []Sample, since time.Duration) *foresizev1.UsageSamples {
	deltas := make([]uint32, len(samples))
	before := wholeMs(since)
	for i, sample := range samples {
		now := max(before, wholeMs(sample.Elapsed))
		deltas[i] = uint32(now - before)
		before = now
	}
	column := func(value func(Sample) *float64) []float64 { return filled(samples, value) }
	return &foresizev1.UsageSamples{
		ExecutionId:    executionID,
		ElapsedDeltaMs: deltas,
		CpuCores:       column(func(sample Sample) *float64 { return sample.CPUCores }),
		MemoryBytes:    column(func(sample Sample) *float64 { return sample.MemoryBytes }),
		DiskBytes:      column(func(sample Sample) *float64 { return sample.DiskBytes }),
		GpuMemoryBytes: column(func(sample Sample) *float64 { return sample.GPUMemoryBytes }),
	}
}

func filled(samples []Sample, value func(Sample) *float64) []float64 {
	var last *float64
	for i := 0; i < len(samples) && last == nil; i++ {
		last = value(samples[i])
	}
	if last == nil {
		return nil
	}
	column := make([]float64, len(samples))
	for i, sample := range samples {
		if v := value(sample); v != nil {
			last = v
		}
		column[i] = *last
	}
	return column
}

func wholeMs(duration time.Duration) int64 {
	return min(int64(math.Round(float64(duration)/float64(time.Millisecond))), math.MaxUint32)
}

func meanRate(first, second *float64, firstSpan, secondSpan time.Duration) *float64 {
	if first == nil {
		return second
	}
	if second == nil {
		return first
	}
	total := float64(firstSpan + secondSpan)
	if total <= 0 {
		return Of(max(*first, *second))
	}
	return Of((*first*float64(firstSpan) + *second*float64(secondSpan)) / total)
}

func highest(first, second *float64) *float64 {
	if first == nil {
		return second
	}
	if second == nil {
		return first
	}
	return Of(max(*first, *second))
}
