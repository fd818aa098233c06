package foresize

import (
	"fmt"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// Outcome is how one attempt ended. OutOfMemory and TimedOut: the true need is above what was seen. Evicted, Cancelled
// and Lost say nothing of the task.
type Outcome string

const (
	Succeeded   Outcome = "succeeded"
	Failed      Outcome = "failed"
	OutOfMemory Outcome = "out-of-memory"
	TimedOut    Outcome = "timed-out"
	Evicted     Outcome = "evicted"
	Cancelled   Outcome = "cancelled"
	Lost        Outcome = "lost"
)

// Source is who measured the usage.
type Source string

const (
	SourceUnknown  Source = "unknown"
	SourceCgroup   Source = "cgroup"
	SourceRusage   Source = "rusage"
	SourceSampled  Source = "sampled"
	SourceExternal Source = "external"
)

// Resources has one value a dimension. Nil means unknown or not asked; zero means zero. [Of] makes one.
type Resources struct {
	// As a usage: the mean over the run, CPU seconds per second.
	CPUCores *float64
	// As a usage: the peak of the resident set.
	MemoryBytes    *float64
	DiskBytes      *float64
	GPUMemoryBytes *float64
	DurationMs     *float64
}

// Of is a value of [Resources].
func Of(value float64) *float64 { return &value }

var outcomes = map[Outcome]foresizev1.Outcome{
	Succeeded:   foresizev1.Outcome_OUTCOME_SUCCEEDED,
	Failed:      foresizev1.Outcome_OUTCOME_FAILED,
	OutOfMemory: foresizev1.Outcome_OUTCOME_OUT_OF_MEMORY,
	TimedOut:    foresizev1.Outcome_OUTCOME_TIMED_OUT,
	Evicted:     foresizev1.Outcome_OUTCOME_EVICTED,
	Cancelled:   foresizev1.Outcome_OUTCOME_CANCELLED,
	Lost:        foresizev1.Outcome_OUTCOME_LOST,
}

var sources = map[Source]foresizev1.MeasurementSource{
	"":             foresizev1.MeasurementSource_MEASUREMENT_SOURCE_UNSPECIFIED,
	SourceUnknown:  foresizev1.MeasurementSource_MEASUREMENT_SOURCE_UNSPECIFIED,
	SourceCgroup:   foresizev1.MeasurementSource_MEASUREMENT_SOURCE_CGROUP,
	SourceRusage:   foresizev1.MeasurementSource_MEASUREMENT_SOURCE_RUSAGE,
	SourceSampled:  foresizev1.MeasurementSource_MEASUREMENT_SOURCE_SAMPLED,
	SourceExternal: foresizev1.MeasurementSource_MEASUREMENT_SOURCE_EXTERNAL,
}

func (resources Resources) toWire() *foresizev1.Resources {
	return &foresizev1.Resources{
		CpuCores:       resources.CPUCores,
		MemoryBytes:    resources.MemoryBytes,
		DiskBytes:      resources.DiskBytes,
		GpuMemoryBytes: resources.GPUMemoryBytes,
		DurationMs:     resources.DurationMs,
	}
}

func fromWire(message *foresizev1.Resources) Resources {
	if message == nil {
		return Resources{}
	}
	return Resources{
		CPUCores:       message.CpuCores,
		MemoryBytes:    message.MemoryBytes,
		DiskBytes:      message.DiskBytes,
		GPUMemoryBytes: message.GpuMemoryBytes,
		DurationMs:     message.DurationMs,
	}
}

func endToWire(executionID string, outcome Outcome, used Resources, source Source) (*foresizev1.ExecutionEnd, error) {
	wireOutcome, known := outcomes[outcome]
	if !known {
		return nil, fmt.Errorf("there is no outcome %q", outcome)
	}
	wireSource, known := sources[source]
	if !known {
		return nil, fmt.Errorf("there is no source %q", source)
	}
	return &foresizev1.ExecutionEnd{
		ExecutionId: executionID, Outcome: wireOutcome, Used: used.toWire(), Source: wireSource,
	}, nil
}
