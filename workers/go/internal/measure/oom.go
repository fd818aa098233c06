package measure

import (
	"os"
	"strconv"
	"strings"
)

// OomWatch counts processes that the kernel killed for want of memory since it was made.
//
// cgroup v2 says so of our own group and all below it. With v1, and at the root, only the host's own count includes
// every group below ours. Source: kernel, admin-guide/cgroup-v2, cgroup-v1/memory; /proc/vmstat.
type OomWatch struct {
	path   string
	before int64
}

func NewOomWatch() OomWatch {
	watch := OomWatch{path: "/proc/vmstat"}
	if own := ownEventsPath(); own != "" {
		watch.path = own
	}
	watch.before, _ = keyed(watch.path, "oom_kill")
	return watch
}

// Kills is 0 where the kernel does not say.
func (w OomWatch) Kills() int64 {
	now, found := keyed(w.path, "oom_kill")
	if !found {
		return 0
	}
	return now - w.before
}

// ownEventsPath is memory.events of our own cgroup, empty with v1 or at the root of v2.
func ownEventsPath() string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		own, isV2 := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !isV2 {
			continue
		}
		path := "/sys/fs/cgroup" + strings.TrimSuffix(own, "/") + "/memory.events"
		if _, found := keyed(path, "oom_kill"); found {
			return path
		}
	}
	return ""
}

// keyed is the value after key in a flat keyed file.
func keyed(path, key string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, key+" "); found {
			number, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return number, err == nil
		}
	}
	return 0, false
}
