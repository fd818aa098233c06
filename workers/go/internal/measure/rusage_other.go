//go:build !unix

package measure

import (
	"os"
	"time"
)

// Rusage is what the kernel counted of finished work; here only the CPU time of commands.
type Rusage struct{ CPUSeconds, PeakBytes float64 }

func OwnRusage() Rusage      { return Rusage{} }
func ChildrenRusage() Rusage { return Rusage{} }

func StateRusage(state *os.ProcessState) Rusage {
	return Rusage{CPUSeconds: (state.UserTime() + state.SystemTime()).Seconds()}
}

func KilledBySignal9(*os.ProcessState) bool { return false }

// Nobody tells: sampling is held back by its pace alone.
func threadCPU() time.Duration { return 0 }
