package foresize

import "os"

// treeUsage is what a tree of processes uses at one moment.
type treeUsage struct {
	// So far, ended and waited-for members included. Never falls.
	cpuSeconds float64
	// Now; pages that members share count once where the kernel tells.
	memoryBytes float64
	// Lower bound of the tree's peak so far: at least the highest peak of any member.
	peakBytes float64
}

// processTree reads a process and everything under it, from /proc.
type processTree struct {
	rootPid int
	// Process id to start ticks.
	members map[int]uint64
	leftOut map[int]bool
	// Only the root counts: the kernel cannot tell its children without a pass over /proc.
	isAlone    bool
	isRootSeen bool
	latest     treeUsage
}

func newProcessTree(rootPid int) *processTree {
	return &processTree{rootPid: rootPid, members: map[int]uint64{}}
}

// leaveOutPresent leaves out the children that the root has already, and what is under them; all of them where the
// kernel cannot tell them without a pass over /proc.
func (t *processTree) leaveOutPresent() {
	t.leftOut = map[int]bool{}
	children, found := childrenOf(t.rootPid)
	t.isAlone = !found
	for _, child := range children {
		t.leftOut[child] = true
	}
}

// read is false once no member is left.
func (t *processTree) read() (treeUsage, bool) {
	t.discover()
	usage := treeUsage{}
	held := map[int]processMemory{}
	for pid, startTicks := range t.members {
		stat, found := readStat(pid)
		if !found || stat.startTicks != startTicks {
			delete(t.members, pid)
			continue
		}
		usage.cpuSeconds += stat.cpuSeconds
		if memory, found := readMemory(pid); found && !stat.isZombie {
			held[pid] = memory
			usage.peakBytes = max(usage.peakBytes, memory.peakBytes)
		}
	}
	if len(t.members) == 0 {
		return t.latest, false
	}
	for pid, memory := range held {
		share := memory.residentBytes
		if len(held) > 1 {
			if pss, found := readPss(pid); found {
				share = pss
			}
		}
		usage.memoryBytes += share
	}
	usage.cpuSeconds = max(usage.cpuSeconds, t.latest.cpuSeconds)
	usage.peakBytes = max(usage.peakBytes, usage.memoryBytes, t.latest.peakBytes)
	t.latest = usage
	return usage, true
}

// discover adds new members. One whose parent has ended stays, where it was seen before that.
func (t *processTree) discover() {
	var everyone map[int][]int
	waiting := []int{t.rootPid}
	for pid := range t.members {
		waiting = append(waiting, pid)
	}
	seen := map[int]bool{}
	for len(waiting) > 0 {
		pid := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		if seen[pid] || t.leftOut[pid] {
			continue
		}
		seen[pid] = true
		if _, known := t.members[pid]; !known {
			stat, found := readStat(pid)
			if !found || pid == t.rootPid && t.isRootSeen {
				continue
			}
			t.isRootSeen = true
			t.members[pid] = stat.startTicks
		}
		if t.isAlone {
			continue
		}
		children, found := childrenOf(pid)
		if !found && !hasChildrenFiles {
			if everyone == nil {
				everyone = childrenOfAll()
			}
			children = everyone[pid]
		}
		waiting = append(waiting, children...)
	}
}

var ownPid = os.Getpid()
