package foresize

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestACommandThatCannotBeStartedIsNoExecution(t *testing.T) {
	w := newTestWorker(t, Options{Target: "127.0.0.1:1"})
	_, err := w.Run(context.Background(), "go/not-there", StartOptions{}, exec.Command("/no/such/command"))
	if err == nil {
		t.Error("started")
	}
	if counted := w.Statistics(); counted.Started != 0 {
		t.Errorf("%+v", counted)
	}
}

func TestRunTellsOnceThatTheClientOfADaemonIsMeasured(t *testing.T) {
	docker := filepath.Join(t.TempDir(), "docker")
	if err := os.WriteFile(docker, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var told problems
	w := newTestWorker(t, Options{Target: "127.0.0.1:1", OnProblem: told.tell})
	for _, args := range [][]string{{"run", "image"}, {"run", "image"}, {"ps"}} {
		if _, err := w.Run(context.Background(), "contained", StartOptions{}, exec.Command(docker, args...)); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	for _, problem := range told.all() {
		if problem.Kind == MeasuresClient && problem.Task == "contained" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("told %d times", count)
	}
}
