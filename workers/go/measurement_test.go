//go:build !race

package foresize

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// What is measured is what was used: 5 % for peak memory and CPU time, from 100 ms on. The race detector shadows every
// byte, so these run without it.

func command(work string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FORESIZE_TEST_WORK="+work, "GOGC=off")
	return cmd
}

func measured(t *testing.T, cmd *exec.Cmd) Result {
	t.Helper()
	w := newTestWorker(t, Options{Target: sharedProfiler(t).address})
	result, err := w.Run(context.Background(), "go/measured", StartOptions{}, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func within(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if math.Abs(got-want) > share*want {
		t.Errorf("%s: measured %.4g, was %.4g", what, got, want)
	}
}

// withinCPU allows beside its share what the start of a process, or the scheduler's clock, varies by.
func withinCPU(t *testing.T, got, want float64) {
	t.Helper()
	const variesSeconds = 0.02
	within(t, "CPU seconds", got, want, math.Max(0.05, variesSeconds/want))
}

func cpuSecondsOf(used Resources) float64 { return *used.CPUCores * *used.DurationMs / 1000 }

func TestMeasuredACommandThatAllocates(t *testing.T) {
	itself := *measured(t, command("nothing")).Used.MemoryBytes
	for _, megabytes := range []int{64, 256} {
		result := measured(t, command(fmt.Sprintf("allocate=%d", megabytes)))
		within(t, "memory", *result.Used.MemoryBytes, itself+float64(megabytes)*mib, 0.05)
	}
}

func TestMeasuredACommandSmallerThanTheProcessThatRunsIt(t *testing.T) {
	held := touch(400 * mib)
	result := measured(t, command("allocate=64"))
	if result.Source != SourceSampled || *result.Used.MemoryBytes > 128*mib || *result.Used.MemoryBytes < 64*mib {
		t.Errorf("%v bytes, %s", *result.Used.MemoryBytes, result.Source)
	}
	runtime.KeepAlive(held)
	held = nil
	debug.FreeOSMemory()
}

func TestMeasuredACommandThatBurnsCPU(t *testing.T) {
	itself := cpuSecondsOf(measured(t, command("burn=0")).Used)
	for _, seconds := range []float64{0.1, 0.5} {
		result := measured(t, command(fmt.Sprintf("burn=%v", seconds)))
		withinCPU(t, cpuSecondsOf(result.Used), seconds+itself)
	}
}

func TestMeasuredAFunctionThatAllocates(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	profile := func(task string, bytes int) {
		_ = w.Profile(context.Background(), task, StartOptions{}, func(context.Context) error {
			runtime.KeepAlive(touch(bytes))
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		debug.FreeOSMemory()
	}
	profile("go/held-before", 300*mib)
	before, _ := measure.ReadMemory(measure.OwnPid)
	profile("go/allocates", 128*mib)
	flush(t, w)
	// The peak of the function, not that of the process, which was higher before.
	within(t, "memory", *profiler.only("go/allocates").Used.MemoryBytes, before.ResidentBytes+128*mib, 0.05)
}

func TestMeasuredAFunctionThatBurnsCPU(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	_ = w.Profile(context.Background(), "go/burns", StartOptions{}, func(context.Context) error { spin(0.3); return nil })
	flush(t, w)
	used := profiler.only("go/burns").Used
	withinCPU(t, *used.CpuCores**used.DurationMs/1000, 0.3)
}

func TestMeasuredFunctionsAtOnceHaveTheirMemoryAndNoMadeUpCPU(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	_ = w.Profile(context.Background(), "go/outer", StartOptions{}, func(ctx context.Context) error {
		runtime.KeepAlive(touch(200 * mib))
		debug.FreeOSMemory()
		return w.Profile(ctx, "go/inner", StartOptions{}, func(context.Context) error { return nil })
	})
	flush(t, w)
	outer, inner := profiler.only("go/outer").Used, profiler.only("go/inner").Used
	within(t, "memory", *outer.MemoryBytes-*inner.MemoryBytes, 200*mib, 0.1)
	if inner.CpuCores != nil && *inner.CpuCores > 0 {
		t.Errorf("the inner one was given %v cores", *inner.CpuCores)
	}
}

func TestMeasuredATrueKillForMemoryIsOutOfMemory(t *testing.T) {
	profiler := sharedProfiler(t)
	w := newTestWorker(t, Options{Target: profiler.address})
	procs, isLimited := smallCgroup(t)
	cmd := exec.Command("sh", "-c", `echo $$ > "$0"; exec "$1"`, procs, os.Args[0])
	cmd.Env = append(os.Environ(), "FORESIZE_TEST_WORK=allocate=300")
	result, _ := w.Run(context.Background(), "go/killed", StartOptions{}, cmd)
	flush(t, w)
	// Where no cgroup may be made nobody is killed.
	want := Succeeded
	if isLimited {
		want = OutOfMemory
	}
	if result.Outcome != want {
		t.Errorf("%s, want %s", result.Outcome, want)
	}
	profiler.expect("go/killed", map[Outcome]float64{want: 1})
}

// smallCgroup is one of 64 MiB, v2 or v1, where it may be made; /dev/null where not.
func smallCgroup(t *testing.T) (procs string, isLimited bool) {
	parent, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		parent, limit = "/sys/fs/cgroup", "memory.max"
	}
	group := filepath.Join(parent, fmt.Sprintf("foresize-go-%d", os.Getpid()))
	if os.Mkdir(group, 0o755) != nil {
		return os.DevNull, false
	}
	t.Cleanup(func() { _ = os.Remove(group) })
	if os.WriteFile(filepath.Join(group, limit), []byte(strconv.Itoa(64*mib)), 0) != nil {
		return filepath.Join(group, "cgroup.procs"), false
	}
	return filepath.Join(group, "cgroup.procs"), true
}
