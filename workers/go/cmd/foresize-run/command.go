//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

const (
	// Between SIGTERM at the time limit and SIGKILL.
	killGrace   = 5 * time.Second
	signalGrace = 100 * time.Millisecond
	firstSample = 20 * time.Millisecond
	// Name under which this program joins a cgroup and becomes the command.
	joinName = "foresize-run-join"
)

// What reaches this process is passed on to the command.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// A terminal sends these to every process in its foreground by itself.
var fromTerminal = map[os.Signal]bool{syscall.SIGINT: true, syscall.SIGQUIT: true, syscall.SIGHUP: true}

var dumping = map[syscall.Signal]bool{
	syscall.SIGQUIT: true, syscall.SIGILL: true, syscall.SIGTRAP: true, syscall.SIGABRT: true, syscall.SIGBUS: true,
	syscall.SIGFPE: true, syscall.SIGSEGV: true, syscall.SIGXCPU: true, syscall.SIGXFSZ: true, syscall.SIGSYS: true,
}

// result is how a command ended and what it used.
type result struct {
	exitCode int
	signal   syscall.Signal
	outcome  outcome
	used     resources
	source   source
	measured measured
}

// running is a command under way.
type running struct {
	options      *options
	pid          int
	started      time.Time
	group        *measure.Group
	limit        *measure.Limit
	watch        measure.OomWatch
	floorBytes   float64
	tree         *measure.Tree
	signals      chan os.Signal
	stoppedBy    atomic.Int64
	isTimedOut   atomic.Bool
	isOverLimit  bool
	sampledLimit float64
	hasEnded     chan struct{}
}

// startCommand fails where the command cannot be executed: then nothing has run.
func startCommand(options *options, given resources, isSized bool) (*running, error) {
	path, err := lookUp(options.command[0])
	if err != nil {
		return nil, err
	}
	r := &running{options: options, watch: measure.NewOomWatch(), limit: measure.FindLimit(), signals: make(chan os.Signal, 8), hasEnded: make(chan struct{})}
	if options.enforce && given.memoryBytes != nil {
		r.sampledLimit = *given.memoryBytes
		// Joining v1's costs the command some milliseconds: only to hold a limit.
		r.group = measure.NewGroup(randomID(), 2, 1)
		if r.group != nil && r.group.LimitMemory(*given.memoryBytes) {
			r.sampledLimit = 0
		}
	} else {
		r.group = measure.NewGroup(randomID(), 2)
	}
	environment := os.Environ()
	if isSized {
		environment = append(environment, given.environment()...)
	}
	// Before the command is there: a signal that came in between would end us and leave it running.
	signal.Notify(r.signals, forwarded...)
	adoptOrphans()
	shrink()
	if own, found := measure.ReadMemory(measure.OwnPid); found {
		r.floorBytes = own.PeakBytes
	}
	r.started = time.Now()
	if r.pid, err = r.spawn(path, environment); err != nil {
		signal.Stop(r.signals)
		if r.group != nil {
			r.group.Close()
		}
		return nil, err
	}
	r.tree = measure.NewTree(r.pid)
	go r.passSignalsOn()
	if options.enforce && given.durationMs != nil {
		go r.limitTime(time.Duration(*given.durationMs * float64(time.Millisecond)))
	}
	return r, nil
}

func (r *running) spawn(path string, environment []string) (int, error) {
	attributes := &syscall.ProcAttr{Env: environment, Files: []uintptr{0, 1, 2}}
	if r.group != nil && r.group.Version() == 2 {
		if pid, err := spawnInto(r.group, path, r.options.command, attributes); err == nil {
			return pid, nil
		}
		r.group.Close()
		r.group = nil
	}
	if r.group != nil {
		self, err := os.Executable()
		if err == nil {
			args := append([]string{joinName, r.group.ProcsPath(), path}, r.options.command...)
			return syscall.ForkExec(self, args, attributes)
		}
	}
	return forkExec(path, r.options.command, attributes)
}

// forkExec hands a script without an interpreter line to the shell, as execvp(3) does.
func forkExec(path string, command []string, attributes *syscall.ProcAttr) (int, error) {
	pid, err := syscall.ForkExec(path, command, attributes)
	if err == syscall.ENOEXEC {
		return syscall.ForkExec("/bin/sh", append([]string{"/bin/sh", path}, command[1:]...), attributes)
	}
	return pid, err
}

// join has this process join a cgroup and become the command: args are its path, its name and its arguments.
func join(procsPath string, args []string) {
	_ = os.WriteFile(procsPath, []byte("0"), 0)
	err := syscall.Exec(args[0], args[1:], os.Environ())
	if err == syscall.ENOEXEC {
		err = syscall.Exec("/bin/sh", append([]string{"/bin/sh", args[0]}, args[2:]...), os.Environ())
	}
	reason, code := refusal(err)
	say("%s: %s", args[1], reason)
	os.Exit(code)
}

// wait gives each sample and returns once the command has ended.
func (r *running) wait(onSample func(measure.Sample)) result {
	// At once: a command of a millisecond is gone by the first tick.
	r.tree.Read()
	pace := measure.Pace{First: firstSample, Interval: r.options.sampleInterval}
	sampling := measure.StartSampling(pace, r.tree.Read, func(sample measure.Sample) {
		onSample(sample)
		if r.sampledLimit > 0 && *sample.MemoryBytes > r.sampledLimit && !r.isOverLimit {
			r.isOverLimit = true
			r.killTree()
		}
	})
	status := waitFor(r.pid)
	wall := time.Since(r.started)
	sampling.Stop()
	close(r.hasEnded)
	return r.resultOf(status, wall)
}

func (r *running) resultOf(status syscall.WaitStatus, wall time.Duration) result {
	ended := result{exitCode: status.ExitStatus()}
	if status.Signaled() {
		ended.exitCode, ended.signal = 0, status.Signal()
	}
	counted := measure.ChildrenRusage()
	var group measure.GroupUsage
	if r.group != nil {
		group = r.group.Usage()
		r.group.Close()
	}
	cpuSeconds := counted.CPUSeconds
	if group.CPUSeconds > 0 {
		cpuSeconds = group.CPUSeconds
	}
	wallMs := float64(wall) / float64(time.Millisecond)
	ended.used = resources{durationMs: &wallMs, cpuCores: of(cpuSeconds / wall.Seconds())}

	treeBytes, isExact := measure.PeakOf(counted.PeakBytes, r.floorBytes, r.tree.Latest.PeakBytes)
	ended.source = sampled
	switch {
	case group.PeakBytes > 0:
		treeBytes, ended.source = group.NeedOf(r.tree.Latest.PeakBytes), cgroup
	case isExact:
		ended.source = rusage
	case wall < firstSample:
		// Over before it was sampled twice, it peaked somewhere below what we held, which is little.
		treeBytes = max(treeBytes, counted.PeakBytes)
	}
	if treeBytes > 0 {
		ended.used.memoryBytes, ended.measured.treeMemoryBytes = of(treeBytes), of(treeBytes)
	} else {
		ended.source = unknown
	}
	if r.limit != nil {
		charge := r.limit.Charged(r.tree.Pids())
		if charge.ThrottledMs > 0 {
			ended.measured.throttledMs = of(charge.ThrottledMs)
		}
		if charge.IsOurs {
			ended.measured.chargedMemoryBytes = of(charge.PeakBytes)
			need := charge.NeedOf(treeBytes) - r.options.overheadBytes
			ended.used.memoryBytes, ended.source = of(max(need, treeBytes)), cgroup
		}
	}
	if r.options.overheadBytes > 0 {
		ended.measured.overheadMemoryBytes = of(r.options.overheadBytes)
	}
	wasKilled := ended.signal == syscall.SIGKILL || ended.exitCode == 137
	isOutOfMemory := r.isOverLimit || group.OomKills > 0 || wasKilled && r.watch.Kills() > 0
	ended.outcome = r.outcomeOf(ended, isOutOfMemory)
	return ended
}

func (r *running) outcomeOf(ended result, isOutOfMemory bool) outcome {
	diedOf := ended.signal
	if diedOf == 0 && ended.exitCode > 128 {
		diedOf = syscall.Signal(ended.exitCode - 128)
	}
	wasAsked := diedOf != 0 && r.stoppingSignal(diedOf) == diedOf
	switch {
	case ended.signal == 0 && ended.exitCode == 0:
		return succeeded
	case isOutOfMemory:
		return outOfMemory
	case r.isTimedOut.Load():
		return timedOut
	case wasAsked:
		return cancelled
	default:
		return failed
	}
}

// stoppingSignal is the last one that we were sent. A terminal sends it to the command too, which may have died of it
// before we are told.
func (r *running) stoppingSignal(diedOf syscall.Signal) syscall.Signal {
	for waited := time.Duration(0); fromTerminal[diedOf] && r.stoppedBy.Load() == 0 && waited < signalGrace; waited += time.Millisecond {
		time.Sleep(time.Millisecond)
	}
	return syscall.Signal(r.stoppedBy.Load())
}

func (r *running) passSignalsOn() {
	for received := range r.signals {
		r.stoppedBy.Store(int64(received.(syscall.Signal)))
		if !fromTerminal[received] || !isInForeground() {
			_ = syscall.Kill(r.pid, received.(syscall.Signal))
		}
	}
}

// limitTime asks the command to stop, then makes it.
func (r *running) limitTime(limit time.Duration) {
	select {
	case <-time.After(limit):
	case <-r.hasEnded:
		return
	}
	r.isTimedOut.Store(true)
	_ = syscall.Kill(r.pid, syscall.SIGTERM)
	select {
	case <-time.After(killGrace):
		r.killTree()
	case <-r.hasEnded:
	}
}

func (r *running) killTree() {
	_ = syscall.Kill(r.pid, syscall.SIGKILL)
	tree := measure.NewTree(r.pid)
	tree.Read()
	for _, pid := range append(tree.Pids(), r.tree.Pids()...) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// waitFor waits for the command, and for orphans that it leaves to us meanwhile: they count.
func waitFor(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if ended == pid {
			return status
		}
		if err != nil && err != syscall.EINTR {
			return 0
		}
	}
}

// isInForeground says whether a terminal's interrupt reaches our whole process group. Fields pgrp and tpgid of proc(5).
func isInForeground() bool {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return false
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return len(fields) > 5 && fields[2] == fields[5]
}

// lookUp finds a command as execvp(3) does.
func lookUp(name string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	var refused error = syscall.ENOENT
	for _, folder := range strings.Split(os.Getenv("PATH"), ":") {
		path := name
		if folder != "" {
			path = folder + "/" + name
		}
		about, err := os.Stat(path)
		if err != nil || about.IsDir() {
			continue
		}
		const mayExecute = 1
		if syscall.Access(path, mayExecute) == nil {
			return path, nil
		}
		refused = syscall.EACCES
	}
	return "", refused
}

// refusal is what kept a command from being executed, and the exit code that a shell would give.
func refusal(err error) (reason string, exitCode int) {
	if errors.Is(err, syscall.ENOENT) {
		return "command not found", 127
	}
	return err.Error(), 126
}

func randomID() string { return strconv.FormatUint(rand.Uint64(), 16) }
