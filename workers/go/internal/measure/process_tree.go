package measure

// TreeUsage is what a tree of processes uses at one moment.
type TreeUsage struct {
	// So far, ended and waited-for members included. Never falls.
	CPUSeconds float64
	// Now; pages that members share count once where the kernel tells.
	MemoryBytes float64
	// Lower bound of the tree's peak so far: at least the highest peak of any member.
	PeakBytes float64
}

// Tree reads a process and everything under it, from /proc.
type Tree struct {
	rootPid int
	// Process id to start ticks.
	members map[int]uint64
	leftOut map[int]bool
	// Only the root counts: the kernel cannot tell its children without a pass over /proc.
	isAlone    bool
	isRootSeen bool
	Latest     TreeUsage
}

func NewTree(rootPid int) *Tree {
	return &Tree{rootPid: rootPid, members: map[int]uint64{}}
}

// LeaveOutPresent leaves out the children that the root has already, and what is under them; all of them where the
// kernel cannot tell them without a pass over /proc.
func (t *Tree) LeaveOutPresent() {
	t.leftOut = map[int]bool{}
	children, found := childrenOf(t.rootPid)
	t.isAlone = !found
	for _, child := range children {
		t.leftOut[child] = true
	}
}

// Read is false once no member is left.
func (t *Tree) Read() (TreeUsage, bool) {
	t.discover()
	usage := TreeUsage{}
	held := map[int]ProcessMemory{}
	for pid, startTicks := range t.members {
		stat, found := ReadStat(pid)
		if !found || stat.StartTicks != startTicks {
			delete(t.members, pid)
			continue
		}
		usage.CPUSeconds += stat.CPUSeconds
		if memory, found := ReadMemory(pid); found && !stat.IsZombie {
			held[pid] = memory
			usage.PeakBytes = max(usage.PeakBytes, memory.PeakBytes)
		}
	}
	if len(t.members) == 0 {
		return t.Latest, false
	}
	for pid, memory := range held {
		share := memory.ResidentBytes
		if len(held) > 1 {
			if pss, found := readPss(pid); found {
				share = pss
			}
		}
		usage.MemoryBytes += share
	}
	usage.CPUSeconds = max(usage.CPUSeconds, t.Latest.CPUSeconds)
	usage.PeakBytes = max(usage.PeakBytes, usage.MemoryBytes, t.Latest.PeakBytes)
	t.Latest = usage
	return usage, true
}

// discover adds new members. One whose parent has ended stays, where it was seen before that.
func (t *Tree) discover() {
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
			stat, found := ReadStat(pid)
			if !found || pid == t.rootPid && t.isRootSeen {
				continue
			}
			t.isRootSeen = true
			t.members[pid] = stat.StartTicks
		}
		if t.isAlone {
			continue
		}
		children, found := childrenOf(pid)
		if !found && !hasChildrenFiles() {
			if everyone == nil {
				everyone = childrenOfAll()
			}
			children = everyone[pid]
		}
		waiting = append(waiting, children...)
	}
}

// Pids are the members of the last reading.
func (t *Tree) Pids() []int {
	pids := make([]int, 0, len(t.members))
	for pid := range t.members {
		pids = append(pids, pid)
	}
	return pids
}
