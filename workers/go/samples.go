package foresize

import (
	"math"
	"time"

	"github.com/foresize/foresize/workers/go/foresizev1"
	"github.com/foresize/foresize/workers/go/internal/measure"
)

// Sample is what an execution used at one moment. Nil: not measured.
type Sample = measure.Sample

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
