package foresize

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// service is the real profiler or estimator, as a process of its own.
type service struct {
	t       *testing.T
	name    string
	flags   []string
	address string
	process *exec.Cmd
}

func startService(t *testing.T, name string, flags ...string) *service {
	t.Helper()
	s := &service{t: t, name: name, flags: flags, address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.end(syscall.SIGKILL) })
	return s
}

// startProfiler takes far more a second than any test reports, so that counts stay exact.
func startProfiler(t *testing.T, store string, flags ...string) *service {
	t.Helper()
	return startService(t, "profiler", append([]string{
		"--metrics-listen=", "--store", store, "--data-dir", filepath.Join(t.TempDir(), "data"),
		"--max-reported-per-second", "1000000", "--max-samples-per-second", "1000000",
	}, flags...)...)
}

// shared is a profiler that no test kills; TestMain ends it.
var shared *service

func sharedProfiler(t *testing.T) *service {
	t.Helper()
	if shared == nil {
		started := &service{t: t, name: "profiler", address: "127.0.0.1:0", flags: []string{
			"--metrics-listen=", "--store", "memory", "--max-reported-per-second", "1000000", "--max-samples-per-second", "1000000",
		}}
		started.start()
		shared = started
	}
	shared.t = t
	return shared
}

func (s *service) start() {
	s.t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		s.t.Fatal(err)
	}
	node := filepath.Join(root, "node_modules/node/bin/node")
	main := filepath.Join(root, "services", s.name, "main.ts")
	s.process = exec.Command(node, append([]string{main, "--listen", s.address}, s.flags...)...)
	said, err := s.process.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	serving := make(chan string, 1)
	go func() {
		defer close(serving)
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				serving <- line.Address
			}
		}
	}()
	select {
	case address, isServing := <-serving:
		if !isServing {
			s.t.Fatalf("the %s did not start", s.name)
		}
		s.address = address
	case <-time.After(30 * time.Second):
		s.t.Fatalf("the %s did not serve in time", s.name)
	}
}

func (s *service) signal(signal syscall.Signal) { _ = s.process.Process.Signal(signal) }

func (s *service) end(signal syscall.Signal) {
	s.signal(signal)
	_ = s.process.Wait()
}

func (s *service) profile(task string) *foresizev1.Profile {
	s.t.Helper()
	connection, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	response, err := foresizev1.NewProfilerServiceClient(connection).GetProfile(ctx, &foresizev1.GetProfileRequest{
		Key: &foresizev1.ProfileKey{Namespace: "default", Kind: foresizev1.ProfileKind_PROFILE_KIND_TASK, Task: task},
	})
	if err != nil {
		s.t.Fatalf("no profile of %s: %v", task, err)
	}
	return response.Profile
}

// expect holds the counts by outcome to those given, and no others.
func (s *service) expect(task string, counts map[Outcome]float64) {
	s.t.Helper()
	got := map[Outcome]float64{}
	for _, count := range s.profile(task).Outcomes {
		name := strings.TrimPrefix(count.Outcome.String(), "OUTCOME_")
		got[Outcome(strings.ReplaceAll(strings.ToLower(name), "_", "-"))] = count.Count
	}
	for outcome, count := range counts {
		if got[outcome] != count {
			s.t.Errorf("%s: %v were %s, want %v", task, got[outcome], outcome, count)
		}
	}
	if len(got) != len(counts) {
		s.t.Errorf("%s: outcomes %v, want %v", task, got, counts)
	}
}

func (s *service) only(task string) *foresizev1.ExecutionRecord {
	s.t.Helper()
	executions := s.profile(task).Executions
	if len(executions) != 1 {
		s.t.Fatalf("%s has %d executions, want 1", task, len(executions))
	}
	return executions[0]
}

// problems collects what a worker tells of.
type problems struct {
	mu   sync.Mutex
	said []Problem
}

func (p *problems) tell(problem Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, problem)
}

func (p *problems) all() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Problem(nil), p.said...)
}

func newTestWorker(t *testing.T, options Options) *Worker {
	t.Helper()
	if options.OnProblem == nil {
		options.OnProblem = func(Problem) {}
	}
	w, err := NewWorker(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = w.Close(ctx)
	})
	return w
}

func flush(t *testing.T, w *Worker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}
