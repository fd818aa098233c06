//go:build !unix

package foresize

import "os"

// rusage is what the kernel counted of finished work; here only the CPU time of commands.
type rusage struct{ cpuSeconds, peakBytes float64 }

func ownRusage() rusage      { return rusage{} }
func childrenRusage() rusage { return rusage{} }

func stateRusage(state *os.ProcessState) rusage {
	return rusage{cpuSeconds: (state.UserTime() + state.SystemTime()).Seconds()}
}

func killedBySignal9(*os.ProcessState) bool { return false }
