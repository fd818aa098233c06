package foresize

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

const mib = 1 << 20

// TestMain lets this binary be the command that the measurement tests run.
func TestMain(m *testing.M) {
	if work := os.Getenv("FORESIZE_TEST_WORK"); work != "" {
		doWork(work)
		return
	}
	code := m.Run()
	if shared != nil {
		_ = shared.process.Process.Kill()
	}
	os.Exit(code)
}

// doWork is what this binary does as a command: allocate=MiB, burn=seconds or nothing.
func doWork(work string) {
	kind, amount, _ := strings.Cut(work, "=")
	value, _ := strconv.ParseFloat(amount, 64)
	switch kind {
	case "allocate":
		runtime.KeepAlive(touch(int(value) * mib))
		time.Sleep(100 * time.Millisecond)
	case "burn":
		spin(value)
	case "nothing":
		time.Sleep(100 * time.Millisecond)
	}
}

// touch has its pages faulted in.
func touch(bytes int) []byte {
	held := make([]byte, bytes)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	return held
}

func spin(seconds float64) {
	for before := measure.OwnRusage().CPUSeconds; measure.OwnRusage().CPUSeconds-before < seconds; {
		for range 1000 {
			_ = math.Sqrt(2)
		}
	}
}
