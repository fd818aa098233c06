//go:build unix

package measure

import (
	"os"
	"runtime"
	"syscall"
	"time"
)

// Rusage is what the kernel counted of finished work.
type Rusage struct {
	CPUSeconds float64
	// Of the largest single process.
	PeakBytes float64
}

func OwnRusage() Rusage      { return getRusage(syscall.RUSAGE_SELF) }
func ChildrenRusage() Rusage { return getRusage(syscall.RUSAGE_CHILDREN) }

// threadCPU is the CPU time of this thread, where the kernel tells; else of the process.
func threadCPU() time.Duration {
	who := syscall.RUSAGE_SELF
	if runtime.GOOS == "linux" {
		who = 1 // RUSAGE_THREAD
	}
	return time.Duration(getRusage(who).CPUSeconds * float64(time.Second))
}

func getRusage(who int) Rusage {
	var used syscall.Rusage
	if syscall.Getrusage(who, &used) != nil {
		return Rusage{}
	}
	return fromRusage(&used)
}

func StateRusage(state *os.ProcessState) Rusage {
	used, known := state.SysUsage().(*syscall.Rusage)
	if !known {
		return Rusage{}
	}
	return fromRusage(used)
}

func fromRusage(used *syscall.Rusage) Rusage {
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	seconds := func(value syscall.Timeval) float64 { return float64(value.Nano()) / 1e9 }
	return Rusage{seconds(used.Utime) + seconds(used.Stime), float64(used.Maxrss) * unit}
}

// KilledBySignal9 also knows what a shell says of its child's SIGKILL: 128 + 9.
func KilledBySignal9(state *os.ProcessState) bool {
	status, known := state.Sys().(syscall.WaitStatus)
	return known && (status.Signaled() && status.Signal() == syscall.SIGKILL || status.ExitStatus() == 137)
}
