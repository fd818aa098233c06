//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// shrink gives back the pages of this program that were only needed to start it, and sets its peak back to what it
// holds then. The kernel counts a command's ru_maxrss from the peak of who starts it, and the command's limit from
// both. What is needed again comes back from the page cache.
func shrink() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		isOfFile := len(fields) > 5 && strings.HasPrefix(fields[5], "/")
		if !isOfFile || fields[1][1] != '-' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		first, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(first), uintptr(end-first), unix.MADV_DONTNEED)
		}
	}
	measure.ResetPeak()
}
