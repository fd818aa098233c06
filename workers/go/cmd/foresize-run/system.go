//go:build linux

package main

import (
	"os"
	"syscall"
	"unsafe"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

// adoptOrphans has processes that the command leaves behind become our children, not init's.
func adoptOrphans() {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
}

// restoreSignal has a signal do again what it does to a program that does not care: Go's own default is not that of all.
func restoreSignal(number syscall.Signal) {
	const setBytes = 8
	var byDefault [4]uint64 // struct sigaction of rt_sigaction(2): SIG_DFL, no flags, no restorer, no mask
	_, _, _ = syscall.RawSyscall6(
		syscall.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(&byDefault)), 0, setBytes, 0, 0)
}

// spawnInto starts a command inside a group of v2 (clone3 with CLONE_INTO_CGROUP).
func spawnInto(group *measure.Group, path string, command []string, attributes *syscall.ProcAttr) (int, error) {
	folder, err := os.Open(group.Path())
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	inside := *attributes
	inside.Sys = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}
	return forkExec(path, command, &inside)
}
