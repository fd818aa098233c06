package measure

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Limit is the cgroup that our memory limit applies to, as far as it can be read, which takes no right to write: a
// container's, a batch job's. It is charged with the task, with what wraps it and with us.
type Limit struct {
	path            string
	version         int
	peakBefore      float64
	strangersBefore float64
	throttledBefore float64
}

// Charge is what the limit was charged with.
type Charge struct {
	GroupUsage
	// The peak is of this run, and of nobody else in the group that would matter.
	IsOurs bool
	// How long the CPU quota held the group back.
	ThrottledMs float64
}

const (
	// v1 says "no limit" by a number near 2^63.
	noLimit = 1 << 60
	// Share of the charge that processes which are neither ours nor wrap us may hold.
	strangersShare = 0.1
	// Folders of a group that are looked through for its processes.
	maxFolders = 256
)

// FindLimit is nil where no cgroup that we can read limits our memory.
func FindLimit() *Limit {
	for _, folder := range ownFolders("memory") {
		l := &Limit{path: folder, version: 1}
		name := "memory.limit_in_bytes"
		if exists(filepath.Join(folder, "cgroup.controllers")) {
			l.version, name = 2, "memory.max"
		}
		if limit := numberIn(filepath.Join(folder, name)); limit > 0 && limit < noLimit {
			l.peakBefore = peakOf(l.path, l.version)
			l.strangersBefore = l.strangersBytes(nil)
			l.throttledBefore = throttledMs()
			return l
		}
	}
	return nil
}

// Charged is what was charged since the limit was found; tree are the pids of ours.
func (l *Limit) Charged(tree []int) Charge {
	group := Group{path: l.path, version: l.version}
	charge := Charge{GroupUsage: group.Usage(), ThrottledMs: throttledMs() - l.throttledBefore}
	strangers := max(l.strangersBefore, l.strangersBytes(tree))
	charge.IsOurs = charge.PeakBytes > l.peakBefore && strangers <= strangersShare*charge.PeakBytes
	return charge
}

// strangersBytes is what processes of the group hold that are neither us, nor what started us, nor of the tree.
func (l *Limit) strangersBytes(tree []int) float64 {
	ours := map[int]bool{0: true}
	for pid := OwnPid; pid > 0 && !ours[pid]; {
		ours[pid] = true
		stat, found := ReadStat(pid)
		if !found {
			break
		}
		pid = stat.ParentPid
	}
	for _, pid := range tree {
		ours[pid] = true
	}
	total, folders := 0.0, 0
	_ = filepath.WalkDir(l.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		if folders++; folders > maxFolders {
			return fs.SkipAll
		}
		text, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil && !ours[pid] {
				memory, _ := ReadMemory(pid)
				total += memory.ResidentBytes
			}
		}
		return nil
	})
	return total
}

// throttledMs is that of whichever group above us was held back longest.
func throttledMs() (longest float64) {
	for _, folder := range ownFolders("cpu") {
		v2 := float64(keyedOr0(folder, "cpu.stat", "throttled_usec")) / 1e3
		v1 := float64(keyedOr0(folder, "cpu.stat", "throttled_time")) / 1e6
		longest = max(longest, v1, v2)
	}
	return longest
}

// ownFolders are those of our cgroup and of all above it that can be seen, for a controller of v1 or for v2.
func ownFolders(controller string) []string {
	memberships := ownMemberships()
	root, own := rootV2, memberships[""]
	if !exists(filepath.Join(rootV2, "cgroup.controllers")) {
		root, own = filepath.Join(rootV2, controller), memberships[controller]
	}
	folder := filepath.Join(root, own)
	// In a container the path may be that of the host, and what is mounted be its end.
	if !exists(folder) {
		folder = root
	}
	folders := []string{folder}
	for folder != root && strings.HasPrefix(folder, root) {
		folder = filepath.Dir(folder)
		folders = append(folders, folder)
	}
	return folders
}
