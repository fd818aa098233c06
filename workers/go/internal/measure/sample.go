// Package measure tells what processes use. It links nothing but the standard library: who measures has to weigh little.
package measure

import "time"

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

// Join makes one of two neighbours; since is where the first begins.
// Law: it keeps the peak of every level (memory, disk, GPU memory) and the integral of the rate (CPU) over time.
func Join(first, second Sample, since time.Duration) Sample {
	return Sample{
		Elapsed:        second.Elapsed,
		CPUCores:       meanRate(first.CPUCores, second.CPUCores, first.Elapsed-since, second.Elapsed-first.Elapsed),
		MemoryBytes:    highest(first.MemoryBytes, second.MemoryBytes),
		DiskBytes:      highest(first.DiskBytes, second.DiskBytes),
		GPUMemoryBytes: highest(first.GPUMemoryBytes, second.GPUMemoryBytes),
	}
}

// Thin leaves half as many samples, in place.
func Thin(samples []Sample, since time.Duration) []Sample {
	kept := samples[:0]
	start := since
	for i := 0; i < len(samples); i += 2 {
		joined := samples[i]
		if i+1 < len(samples) {
			joined = Join(joined, samples[i+1], start)
		}
		kept = append(kept, joined)
		start = joined.Elapsed
	}
	return kept
}

func meanRate(first, second *float64, firstSpan, secondSpan time.Duration) *float64 {
	if first == nil {
		return second
	}
	if second == nil {
		return first
	}
	mean := max(*first, *second)
	if total := float64(firstSpan + secondSpan); total > 0 {
		mean = (*first*float64(firstSpan) + *second*float64(secondSpan)) / total
	}
	return &mean
}

func highest(first, second *float64) *float64 {
	if first == nil || second != nil && *second > *first {
		return second
	}
	return first
}
