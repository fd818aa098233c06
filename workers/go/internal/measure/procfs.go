package measure

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Clock ticks in a second, as /proc counts them on every architecture that Linux runs on today. Source: proc(5).
const clockTicks = 100

type ProcessStat struct {
	ParentPid int
	// Its own and that of the children it waited for.
	CPUSeconds float64
	// Since boot: tells a process from a later one with the same pid.
	StartTicks uint64
	IsZombie   bool
}

type ProcessMemory struct {
	ResidentBytes float64
	// Highest resident set since exec, or since it was reset.
	PeakBytes float64
}

// ReadStat is false where there is no such process, or no /proc.
func ReadStat(pid int) (ProcessStat, bool) {
	text, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return ProcessStat{}, false
	}
	return parseStat(string(text))
}

// parseStat: the command name may hold spaces and parentheses.
func parseStat(text string) (ProcessStat, bool) {
	closing := strings.LastIndexByte(text, ')')
	if closing < 0 {
		return ProcessStat{}, false
	}
	fields := strings.Fields(text[closing+1:])
	if len(fields) < 20 {
		return ProcessStat{}, false
	}
	var ticks uint64
	for _, field := range fields[11:15] {
		value, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return ProcessStat{}, false
		}
		ticks += value
	}
	parentPid, err := strconv.Atoi(fields[1])
	if err != nil {
		return ProcessStat{}, false
	}
	startTicks, err := strconv.ParseUint(fields[19], 10, 64)
	isZombie := fields[0] == "Z" || fields[0] == "X"
	return ProcessStat{parentPid, float64(ticks) / clockTicks, startTicks, isZombie}, err == nil
}

// ReadMemory is false for a zombie, which holds none.
func ReadMemory(pid int) (ProcessMemory, bool) {
	text, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		return ProcessMemory{}, false
	}
	resident, found := kibibytes(text, "VmRSS:")
	peak, _ := kibibytes(text, "VmHWM:")
	return ProcessMemory{resident, max(resident, peak)}, found
}

// readPss is the proportional set size: a shared page counts once in a sum.
func readPss(pid int) (float64, bool) {
	text, err := os.ReadFile(procPath(pid, "smaps_rollup"))
	if err != nil {
		return 0, false
	}
	return kibibytes(text, "Pss:")
}

// ResetPeak sets this process's peak to what it holds now. False where the kernel does not let us.
func ResetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }

// childrenOf is false where the kernel does not tell them without a pass over /proc.
func childrenOf(pid int) ([]int, bool) {
	files, err := filepath.Glob(procPath(pid, "task/*/children"))
	if err != nil || len(files) == 0 {
		return nil, false
	}
	var children []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, word := range bytes.Fields(text) {
			if child, err := strconv.Atoi(string(word)); err == nil {
				children = append(children, child)
			}
		}
	}
	return children, true
}

var hasChildrenFiles = sync.OnceValue(func() bool { _, found := childrenOf(OwnPid); return found })

// childrenOfAll is every process's children, by a pass over /proc.
func childrenOfAll() map[int][]int {
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if stat, found := ReadStat(pid); found {
			children[stat.ParentPid] = append(children[stat.ParentPid], pid)
		}
	}
	return children
}

func kibibytes(text []byte, key string) (float64, bool) {
	at := bytes.Index(text, []byte(key))
	if at < 0 {
		return 0, false
	}
	line, _, _ := bytes.Cut(text[at+len(key):], []byte("\n"))
	words := bytes.Fields(line)
	if len(words) == 0 {
		return 0, false
	}
	value, err := strconv.ParseFloat(string(words[0]), 64)
	return value * 1024, err == nil
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// OwnPid is ours.
var OwnPid = os.Getpid()
