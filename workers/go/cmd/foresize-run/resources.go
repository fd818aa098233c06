//go:build linux

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// resources has one value a dimension; nil: unknown, or not asked.
type resources struct{ cpuCores, memoryBytes, diskBytes, gpuMemoryBytes, durationMs *float64 }

func of(value float64) *float64 { return &value }

// over is what r says, and where it is silent what below says.
func (r resources) over(below resources) resources {
	first := func(a, b *float64) *float64 {
		if a != nil {
			return a
		}
		return b
	}
	return resources{
		first(r.cpuCores, below.cpuCores), first(r.memoryBytes, below.memoryBytes), first(r.diskBytes, below.diskBytes),
		first(r.gpuMemoryBytes, below.gpuMemoryBytes), first(r.durationMs, below.durationMs),
	}
}

// less is without what wraps the task.
func (r resources) less(overheadBytes float64) resources { return r.plus(-overheadBytes) }

func (r resources) plus(overheadBytes float64) resources {
	if r.memoryBytes != nil && overheadBytes != 0 {
		r.memoryBytes = of(math.Max(0, *r.memoryBytes+overheadBytes))
	}
	return r
}

// environment has the allocation for the command, whole numbers but for cores.
func (r resources) environment() (variables []string) {
	whole := func(name string, value *float64) {
		if value != nil {
			variables = append(variables, fmt.Sprintf("%s=%.0f", name, math.Ceil(*value)))
		}
	}
	whole("FORESIZE_MEMORY_BYTES", r.memoryBytes)
	if r.cpuCores != nil {
		variables = append(variables, fmt.Sprintf("FORESIZE_CPU_CORES=%.2f", *r.cpuCores))
	}
	whole("FORESIZE_DURATION_MS", r.durationMs)
	whole("FORESIZE_DISK_BYTES", r.diskBytes)
	whole("FORESIZE_GPU_MEMORY_BYTES", r.gpuMemoryBytes)
	return variables
}

// String is for a person: 512 MiB · 2.00 cores · 1.50 min
func (r resources) String() string {
	var parts []string
	add := func(value *float64, text func(float64) string) {
		if value != nil {
			parts = append(parts, text(*value))
		}
	}
	add(r.memoryBytes, formatBytes)
	add(r.cpuCores, func(cores float64) string { return significant(cores) + " cores" })
	add(r.durationMs, formatDuration)
	add(r.diskBytes, func(bytes float64) string { return formatBytes(bytes) + " disk" })
	add(r.gpuMemoryBytes, func(bytes float64) string { return formatBytes(bytes) + " GPU" })
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " · ")
}

func formatBytes(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := 0
	for bytes >= 1024 && unit < len(units)-1 {
		bytes /= 1024
		unit++
	}
	return significant(bytes) + " " + units[unit]
}

func formatDuration(ms float64) string {
	switch {
	case ms < 1000:
		return significant(ms) + " ms"
	case ms < 120_000:
		return significant(ms/1000) + " s"
	case ms < 7_200_000:
		return significant(ms/60_000) + " min"
	default:
		return significant(ms/3_600_000) + " h"
	}
}

func significant(value float64) string {
	switch {
	case value == 0:
		return "0"
	case math.Abs(value) >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case math.Abs(value) >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}
