//go:build unix

package foresize

import (
	"os"
	"runtime"
	"syscall"
)

// rusage is what the kernel counted of finished work.
type rusage struct {
	cpuSeconds float64
	// Of the largest single process.
	peakBytes float64
}

func ownRusage() rusage      { return getRusage(syscall.RUSAGE_SELF) }
func childrenRusage() rusage { return getRusage(syscall.RUSAGE_CHILDREN) }

func getRusage(who int) rusage {
	var used syscall.Rusage
	if syscall.Getrusage(who, &used) != nil {
		return rusage{}
	}
	return fromRusage(&used)
}

func stateRusage(state *os.ProcessState) rusage {
	used, known := state.SysUsage().(*syscall.Rusage)
	if !known {
		return rusage{}
	}
	return fromRusage(used)
}

func fromRusage(used *syscall.Rusage) rusage {
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	seconds := func(value syscall.Timeval) float64 { return float64(value.Nano()) / 1e9 }
	return rusage{seconds(used.Utime) + seconds(used.Stime), float64(used.Maxrss) * unit}
}

// killedBySignal9 also knows what a shell says of its child's SIGKILL: 128 + 9.
func killedBySignal9(state *os.ProcessState) bool {
	status, known := state.Sys().(syscall.WaitStatus)
	return known && (status.Signaled() && status.Signal() == syscall.SIGKILL || status.ExitStatus() == 137)
}
