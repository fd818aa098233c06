package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Where the two hierarchies are mounted. Source: kernel, admin-guide/cgroup-v2 and cgroup-v1/memory.
const (
	rootV2       = "/sys/fs/cgroup"
	rootV1Memory = "/sys/fs/cgroup/memory"
)

// Group is a cgroup of its own for one command.
type Group struct {
	path, parent string
	version      int
}

// NewGroup creates one, v2 where its memory controller is delegated to us, else v1, of those versions that are asked
// for; nil where neither is writable. FORESIZE_CGROUP_PARENT names the cgroup to create it in; by default our own, then
// that above it where ours holds us to nothing.
func NewGroup(name string, versions ...int) *Group {
	parents := []string{os.Getenv("FORESIZE_CGROUP_PARENT")}
	if parents[0] == "" {
		parents = groupParents()
	}
	for _, parent := range parents {
		version := 1
		if exists(filepath.Join(parent, "cgroup.controllers")) {
			version = 2
		}
		if !contains(versions, version) || version == 2 && !delegatesMemory(parent) {
			continue
		}
		path := filepath.Join(parent, "foresize-"+name)
		if os.Mkdir(path, 0o755) == nil {
			return &Group{path, parent, version}
		}
	}
	return nil
}

func groupParents() []string {
	var parents []string
	memberships := ownMemberships()
	if own, found := memberships[""]; found && exists(filepath.Join(rootV2, "cgroup.controllers")) {
		folder := filepath.Join(rootV2, own)
		parents = append(parents, folder)
		if own != "/" && !isLimited(folder) {
			parents = append(parents, filepath.Dir(folder))
		}
	}
	if own, found := memberships["memory"]; found {
		folder := filepath.Join(rootV1Memory, own)
		// In a container the path may be that of the host.
		if !exists(folder) {
			folder = rootV1Memory
		}
		parents = append(parents, folder)
	}
	return parents
}

// isLimited says whether a command that left a group of v2 would escape what holds it there.
func isLimited(folder string) bool {
	cpu, _ := os.ReadFile(filepath.Join(folder, "cpu.max"))
	return numberIn(filepath.Join(folder, "memory.max")) > 0 || len(cpu) > 0 && !strings.HasPrefix(string(cpu), "max")
}

func delegatesMemory(parent string) bool {
	text, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	return err == nil && contains(strings.Fields(string(text)), "memory")
}

// ownMemberships is our cgroup by controller, "" for v2's one hierarchy.
func ownMemberships() map[string]string {
	paths := map[string]string{}
	text, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, controller := range strings.Split(parts[1], ",") {
			paths[controller] = parts[2]
		}
	}
	return paths
}

// Version is 1 or 2.
func (g *Group) Version() int { return g.version }

// Path is that of its folder.
func (g *Group) Path() string { return g.path }

// ProcsPath is where a process that writes 0 joins.
func (g *Group) ProcsPath() string { return filepath.Join(g.path, "cgroup.procs") }

// GroupUsage is what was charged to a group, ended members included. Zero: nothing, or not told.
type GroupUsage struct {
	// Page cache included: an upper bound of the need.
	PeakBytes float64
	// Charged now and reclaimable: page cache.
	CacheBytes float64
	CPUSeconds float64
	OomKills   int64
}

func (g *Group) Usage() GroupUsage {
	usage := GroupUsage{CacheBytes: cacheOf(g.path, g.version), PeakBytes: peakOf(g.path, g.version)}
	if g.version == 2 {
		usage.CPUSeconds = float64(keyedOr0(g.path, "cpu.stat", "usage_usec")) / 1e6
		usage.OomKills = keyedOr0(g.path, "memory.events", "oom_kill")
	} else {
		usage.OomKills = keyedOr0(g.path, "memory.oom_control", "oom_kill")
	}
	return usage
}

// LimitMemory has the kernel kill members above it; false where it cannot be set.
func (g *Group) LimitMemory(bytes float64) bool {
	value := fmt.Appendf(nil, "%.0f", bytes)
	limit, swap, swapValue := "memory.max", "memory.swap.max", []byte("0")
	if g.version == 1 {
		limit, swap, swapValue = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", value
	}
	if os.WriteFile(filepath.Join(g.path, limit), value, 0) != nil {
		return false
	}
	_ = os.WriteFile(filepath.Join(g.path, swap), swapValue, 0)
	return true
}

// Close removes it; members that are still running move to the parent.
func (g *Group) Close() {
	text, _ := os.ReadFile(g.ProcsPath())
	for _, pid := range strings.Fields(string(text)) {
		_ = os.WriteFile(filepath.Join(g.parent, "cgroup.procs"), []byte(pid), 0)
	}
	_ = os.Remove(g.path)
}

// NeedOf is what of a peak has to be asked for: page cache is given back when the kernel asks, so that without what is
// left of it the peak is a lower bound of the need, as what the tree was seen to hold is; all bound it from above.
func (u GroupUsage) NeedOf(treeBytes float64) float64 {
	return min(u.PeakBytes, max(u.PeakBytes-u.CacheBytes, treeBytes))
}

func peakOf(path string, version int) float64 {
	name := "memory.peak"
	if version == 1 {
		name = "memory.max_usage_in_bytes"
	}
	return numberIn(filepath.Join(path, name))
}

func cacheOf(path string, version int) float64 {
	prefix := ""
	if version == 1 {
		prefix = "total_"
	}
	active := keyedOr0(path, "memory.stat", prefix+"active_file")
	return float64(active + keyedOr0(path, "memory.stat", prefix+"inactive_file"))
}

func keyedOr0(path, name, key string) int64 {
	value, _ := keyed(filepath.Join(path, name), key)
	return value
}

// numberIn is 0 where there is none.
func numberIn(path string) float64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	value, _ := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return value
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func contains[T comparable](list []T, wanted T) bool {
	for _, each := range list {
		if each == wanted {
			return true
		}
	}
	return false
}
