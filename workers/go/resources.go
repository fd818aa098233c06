package foresize

import (
	"fmt"
	"strings"

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

// dimensions by the names of the contract.
var dimensions = []string{"cpu_cores", "memory_bytes", "disk_bytes", "gpu_memory_bytes", "duration_ms"}

// limits are the largest values that are not absurd.
var limits = map[string]float64{
	"cpu_cores": 1e6, "memory_bytes": 1e16, "disk_bytes": 1e18, "gpu_memory_bytes": 1e16, "duration_ms": 1e12,
}

// at is the field of a dimension.
func (resources *Resources) at(dimension string) **float64 {
	switch dimension {
	case "cpu_cores":
		return &resources.CPUCores
	case "memory_bytes":
		return &resources.MemoryBytes
	case "disk_bytes":
		return &resources.DiskBytes
	case "gpu_memory_bytes":
		return &resources.GPUMemoryBytes
	default:
		return &resources.DurationMs
	}
}

// String is for a person: "0.5 cores, 143 MB memory, 60 s".
func (resources Resources) String() string {
	var said []string
	for _, dimension := range dimensions {
		value := *resources.at(dimension)
		if value == nil {
			continue
		}
		switch dimension {
		case "cpu_cores":
			said = append(said, fmt.Sprintf("%.3g cores", *value))
		case "duration_ms":
			said = append(said, fmt.Sprintf("%.4g s", *value/1000))
		default:
			kind := strings.ReplaceAll(strings.TrimSuffix(dimension, "_bytes"), "_", " ")
			said = append(said, inBytes(*value)+" "+kind)
		}
	}
	if said == nil {
		return "nothing"
	}
	return strings.Join(said, ", ")
}

func inBytes(value float64) string {
	switch {
	case value >= 1e9:
		return fmt.Sprintf("%.4g GB", value/1e9)
	case value >= 1e6:
		return fmt.Sprintf("%.4g MB", value/1e6)
	case value >= 1e3:
		return fmt.Sprintf("%.4g kB", value/1e3)
	default:
		return fmt.Sprintf("%.4g B", value)
	}
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
