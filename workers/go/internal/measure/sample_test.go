package measure

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func ms(value int) time.Duration { return time.Duration(value) * time.Millisecond }

func of(value float64) *float64 { return &value }

func TestThinningKeepsPeakMemoryAndCPUTime(t *testing.T) {
	integral := func(samples []Sample, since time.Duration) (total float64) {
		for _, sample := range samples {
			total += *sample.CPUCores * (sample.Elapsed - since).Seconds()
			since = sample.Elapsed
		}
		return total
	}
	peak := func(samples []Sample) (highest float64) {
		for _, sample := range samples {
			highest = max(highest, *sample.MemoryBytes)
		}
		return highest
	}
	draw := rand.New(rand.NewPCG(1, 2))
	for count := 1; count < 60; count++ {
		var samples []Sample
		at := ms(7)
		for range count {
			at += ms(draw.IntN(300))
			samples = append(samples, Sample{Elapsed: at, CPUCores: of(draw.Float64()), MemoryBytes: of(draw.Float64())})
		}
		before, beforePeak := integral(samples, ms(7)), peak(samples)
		thinned := Thin(samples, ms(7))
		if len(thinned) != (count+1)/2 || peak(thinned) != beforePeak || thinned[len(thinned)-1].Elapsed != at {
			t.Fatalf("%d samples became %v", count, thinned)
		}
		if after := integral(thinned, ms(7)); math.Abs(after-before) > 1e-9 {
			t.Fatalf("CPU time was %v, is %v", before, after)
		}
	}
}
