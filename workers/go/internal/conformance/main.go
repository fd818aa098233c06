// Command conformance does with the Go SDK what the lines on standard input say; the protocol is in
// test/conformance/vector.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	foresize "github.com/foresize/foresize/workers/go"
)

type resources struct {
	CPUCores       *float64 `json:"cpuCores,omitempty"`
	MemoryBytes    *float64 `json:"memoryBytes,omitempty"`
	DiskBytes      *float64 `json:"diskBytes,omitempty"`
	GPUMemoryBytes *float64 `json:"gpuMemoryBytes,omitempty"`
	DurationMs     *float64 `json:"durationMs,omitempty"`
}

type operation struct {
	Op      string
	Options struct {
		Target, Namespace                        string
		MaxSamples, MaxExecutions, MaxBatchBytes int
		ReconnectMaxMs, LeaseMs                  int
	}
	ID            string
	Count         *int
	Task          string
	Attempt       int
	Features      map[string]float64
	Labels        map[string]string
	Requested     resources
	Allocated     resources
	EstimateToken []byte
	Samples       int
	ElapsedMs     int
	CPUCores      *float64
	MemoryBytes   *float64
	PeakAt        *int
	PeakBytes     *float64
	Outcome       foresize.Outcome
	Used          resources
	Source        foresize.Source
	Command       []string
	DeadlineMs    int
	Target        string
	Namespace     string
}

type answer map[string]any

var (
	worker     *foresize.Worker
	executions = map[string]*foresize.Execution{}
	fieldsMu   sync.Mutex
	fields     = []string{}
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked operation
		done, err := answer(nil), json.Unmarshal(lines.Bytes(), &asked)
		if err == nil {
			done, err = perform(asked)
		}
		if err != nil {
			done = answer{"error": err.Error()}
		}
		said, err := json.Marshal(done)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(said))
	}
}

func perform(asked operation) (answer, error) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if asked.DeadlineMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(asked.DeadlineMs)*time.Millisecond)
	}
	defer cancel()
	if worker == nil && asked.Op != "worker" && asked.Op != "estimate" {
		return nil, fmt.Errorf("there is no worker yet")
	}
	switch asked.Op {
	case "worker":
		made, err := foresize.NewWorker(context.Background(), foresize.Options{
			Target:        asked.Options.Target,
			Namespace:     asked.Options.Namespace,
			MaxSamples:    asked.Options.MaxSamples,
			MaxExecutions: asked.Options.MaxExecutions,
			MaxBatchBytes: asked.Options.MaxBatchBytes,
			ReconnectMax:  time.Duration(asked.Options.ReconnectMaxMs) * time.Millisecond,
			Lease:         time.Duration(asked.Options.LeaseMs) * time.Millisecond,
			OnProblem:     remember,
		})
		worker = made
		return answer{}, err
	case "start":
		return answer{"recorded": start(asked)}, nil
	case "sample":
		sample(asked)
		return answer{}, nil
	case "end":
		for _, id := range ids(asked) {
			executions[id].End(asked.Outcome, foresize.Resources(asked.Used), asked.Source)
		}
		return answer{}, nil
	case "run":
		cmd := exec.Command(asked.Command[0], asked.Command[1:]...)
		result, _ := worker.Run(ctx, asked.Task, foresize.StartOptions{}, cmd)
		return answer{"outcome": result.Outcome, "used": resources(result.Used), "source": result.Source}, nil
	case "flush":
		return answer{"durable": worker.Flush(ctx) == nil}, nil
	case "close":
		return answer{"durable": worker.Close(ctx) == nil}, nil
	case "statistics":
		counted := worker.Statistics()
		return answer{
			"started": counted.Started, "ended": counted.Ended, "rejected": counted.Rejected,
			"unrecorded": counted.Unrecorded, "disconnects": counted.Disconnects,
			"executions": counted.Executions, "thinnedSamples": counted.ThinnedSamples,
		}, nil
	case "fields":
		fieldsMu.Lock()
		defer fieldsMu.Unlock()
		return answer{"fields": append([]string{}, fields...)}, nil
	case "estimate":
		return estimate(ctx, asked)
	default:
		return nil, fmt.Errorf("there is no operation %q", asked.Op)
	}
}

func start(asked operation) (recorded int) {
	for _, id := range ids(asked) {
		started := worker.Start(asked.Task, foresize.StartOptions{
			ExecutionID: id, Attempt: asked.Attempt, Features: asked.Features, Labels: asked.Labels,
			Requested: foresize.Resources(asked.Requested), Allocated: foresize.Resources(asked.Allocated),
			EstimateToken: asked.EstimateToken,
		})
		if _, known := executions[id]; started.IsRecorded() || !known {
			executions[id] = started
		}
		if started.IsRecorded() {
			recorded++
		}
	}
	return recorded
}

func sample(asked operation) {
	for i := range max(1, asked.Samples) {
		memory := asked.MemoryBytes
		if asked.PeakAt != nil && *asked.PeakAt == i {
			memory = asked.PeakBytes
		}
		elapsed := time.Duration(asked.ElapsedMs+i) * time.Millisecond
		for _, id := range ids(asked) {
			executions[id].Sample(foresize.Sample{Elapsed: elapsed, CPUCores: asked.CPUCores, MemoryBytes: memory})
		}
	}
}

func estimate(ctx context.Context, asked operation) (answer, error) {
	estimator, err := foresize.NewEstimator(foresize.EstimatorOptions{
		Target: asked.Target, Namespace: asked.Namespace, Deadline: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	defer estimator.Close()
	got, err := estimator.Estimate(ctx, foresize.Query{Task: asked.Task, Features: asked.Features})
	return answer{
		"executions": got.Executions, "memoryBytes": got.Resources.MemoryBytes, "confidence": got.Confidence,
	}, err
}

func ids(asked operation) []string {
	if asked.Count == nil {
		return []string{asked.ID}
	}
	all := make([]string, *asked.Count)
	for i := range all {
		all[i] = fmt.Sprint(asked.ID, i)
	}
	return all
}

func remember(problem foresize.Problem) {
	fieldsMu.Lock()
	defer fieldsMu.Unlock()
	for _, violation := range problem.Violations {
		fields = append(fields, violation.Field)
	}
}
