//go:build linux

// Command foresize-run runs a command, measures its whole process tree and reports it to the profiler: `foresize run` as
// a program that weighs next to nothing beside what it measures.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/foresize/foresize/workers/go/internal/measure"
)

func main() {
	if len(os.Args) > 2 && os.Args[0] == joinName {
		join(os.Args[1], os.Args[2:])
	}
	// One core is more than enough, and garbage is dearer here than the time to collect it.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(50)
	options, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "foresize run: %v\nUsage: foresize %s\n", err, usage)
		os.Exit(2)
	}
	if options.help {
		fmt.Print(help())
		os.Exit(0)
	}
	if options.version {
		fmt.Printf("foresize-run %s\n", versionOf())
		os.Exit(0)
	}
	ended := run(options)
	if ended.signal != 0 {
		raise(ended.signal)
	}
	os.Exit(ended.exitCode)
}

func run(options *options) result {
	if name := measure.DaemonClient(options.command); name != "" {
		say("%s only asks a daemon to run it: what is measured is %s, not the work", name, name)
	}
	start := startOf(options)
	sized := sizing{explanation: "as the command line says"}
	if options.size {
		sized = sizeRun(options, start)
		if sized.problem != "" {
			say("not sized: %s", sized.problem)
		}
		for _, notice := range sized.notices {
			if text := notice.text(options.task); text != "" {
				say("note: %s", text)
			}
		}
		start.allocated, start.estimateToken = sized.allocated.less(options.overheadBytes), sized.token
	}
	given := start.allocated.plus(options.overheadBytes)

	report := newReport(options, start)
	running, err := startCommand(options, given, options.size)
	if err != nil {
		report.forget()
		reason, code := refusal(err)
		say("%s: %s", options.command[0], reason)
		return result{exitCode: code}
	}
	// The command runs while a connection is made: it does not wait for us.
	go report.connect()
	ended := running.wait(report.sample)
	problem := report.finish(ended, options.reportWithin)
	if problem != "" {
		say("%s", problem)
	}
	if options.verbose {
		if options.size {
			fmt.Fprintf(os.Stderr, "foresize: %s was given %s (%s)\n", options.task, given, sized.explanation)
		}
		fmt.Fprintf(os.Stderr, "foresize: %s %s: %s (%s)\n", options.task, ended.outcome, ended.used, ended.source)
	}
	return ended
}

// say puts one line on standard error, whatever the system has put into it.
func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "foresize run: %s\n", oneLine(fmt.Sprintf(format, values...)))
}

// raise ends this process as the signal ended the command, so that its parent sees the same; where that would leave a
// core dump, which says nothing of the command, with the shell's exit code.
func raise(signal syscall.Signal) {
	if !dumping[signal] {
		restoreSignal(signal)
		_ = syscall.Kill(os.Getpid(), signal)
		time.Sleep(200 * time.Millisecond)
	}
	os.Exit(128 + int(signal))
}
