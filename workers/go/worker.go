// Package foresize reports what tasks use to a profiler, and asks an estimator what the next run needs.
//
// A [Worker] never fails the task, never slows it and never lets it wait: with no profiler to be reached it holds what
// its spool has room for and goes on.
package foresize

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// Encoded size of a start; the contract's own limits stay below it. A longer one could never be sent.
const maxStartBytes = 65_536

// Options of a worker. The zero value is one that reports to $FORESIZE_PROFILER, else localhost:7070.
type Options struct {
	// Of the profiler: host:port, or what gRPC resolves.
	Target string
	// Of every execution that does not say. Default "default".
	Namespace string
	// Default: what $FORESIZE_CA_FILE, $FORESIZE_CERT_FILE and $FORESIZE_KEY_FILE say, else plain text.
	TLS *tls.Config
	// The bearer token, asked for at each connection. Default: what $FORESIZE_TOKEN_FILE holds, else $FORESIZE_TOKEN.
	Token func() string
	// Silence after which the server closes an execution as lost. Default: the server's.
	Lease time.Duration
	// Name and version, for the server's log.
	Client string
	// Told of what goes wrong. Default: a warning to slog.Default().
	OnProblem func(Problem)
	// Samples held before they are thinned; at least four an execution. Default 100,000 (about 10 MB).
	MaxSamples int
	// Executions whose end is not yet acknowledged, before new ones go unrecorded. Default 20,000.
	MaxExecutions int
	// Of one batch, about. Default 256 KiB.
	MaxBatchBytes int
	// Events are gathered for so long before they are sent. Default 100 ms.
	BatchInterval time.Duration
	// Batches on the way at once; the server may ask for fewer. Default 16.
	MaxUnacknowledgedBatches int
	// First and longest wait before a reconnect; doubled with each failure, jittered by half. Default 100 ms and 10 s.
	ReconnectMin, ReconnectMax time.Duration
	// A server that acknowledges nothing for so long is left for another. Default 30 s.
	AcknowledgeTimeout time.Duration
	// Longest time between two samples of what Profile and Run measure. Default 1 s.
	SampleInterval time.Duration
}

// ProblemKind is what kind of thing went wrong.
type ProblemKind string

const (
	// The stream broke, and not just for the server to renew the connection; it is opened again.
	Disconnected ProblemKind = "disconnected"
	// The server refused an event, or its values could not be encoded.
	Rejected ProblemKind = "rejected"
	// The spool is full, or the start could not be encoded: this execution is not reported.
	Unrecorded ProblemKind = "unrecorded"
	// The command only asks a daemon to run it: what is measured is the client, not the work. Told once each.
	MeasuresClient ProblemKind = "measures-client"
)

// Problem is what went wrong, for a log. The worker goes on.
type Problem struct {
	Kind        ProblemKind
	Message     string
	Task        string
	ExecutionID string
	Violations  []Violation
}

// Violation is what is wrong with one field.
type Violation struct{ Field, Description string }

// Statistics counts what the worker did.
type Statistics struct {
	// Disconnects include renewals of the connection.
	Started, Ended, Rejected, Unrecorded, Disconnects int64
	// Executions whose end is not yet acknowledged.
	Executions            int
	WaitingSamples        int
	UnacknowledgedBatches int
	// Joined with a neighbour for want of room, ever.
	ThinnedSamples int
}

// Worker reports executions. Safe for concurrent use.
type Worker struct {
	options    Options
	connection *grpc.ClientConn
	session    *session
	directives directives
	cancel     context.CancelFunc

	started, ended, rejected, unrecorded, disconnects atomic.Int64
	// Disconnects that were no renewal.
	breaks atomic.Int64
	// Clients of daemons that were told of.
	daemonClients sync.Map
}

// NewWorker fails only for options that cannot be, such as a token without TLS: whether the profiler can be reached is
// found out later. The end of ctx ends the worker at once; [Worker.Close] ends it in order.
func NewWorker(ctx context.Context, options Options) (*Worker, error) {
	options = withDefaults(options)
	var err error
	if options.TLS, options.Token, err = security(options.Target, options.TLS, options.Token); err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	conn, err := connect(options.Target, options.TLS)
	if err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Worker{options: options, connection: conn, cancel: cancel}
	w.session = newSession(foresizev1.NewProfilerServiceClient(conn), options)
	w.session.onDirective = w.directives.receive
	w.session.onRejection = w.receiveRejection
	w.session.onDisconnect = w.receiveDisconnect
	go w.session.run(ctx)
	return w, nil
}

func withDefaults(options Options) Options {
	text := func(value *string, fallback ...string) { *value = firstOf(append([]string{*value}, fallback...)...) }
	whole := func(value *int, fallback int) {
		if *value <= 0 {
			*value = fallback
		}
	}
	span := func(value *time.Duration, fallback time.Duration) {
		if *value <= 0 {
			*value = fallback
		}
	}
	text(&options.Target, os.Getenv("FORESIZE_PROFILER"), defaultProfiler)
	text(&options.Namespace, "default")
	text(&options.Client, "foresize-go/"+runtime.Version())
	whole(&options.MaxSamples, 100_000)
	whole(&options.MaxExecutions, 20_000)
	whole(&options.MaxBatchBytes, 256*1024)
	whole(&options.MaxUnacknowledgedBatches, 16)
	span(&options.BatchInterval, 100*time.Millisecond)
	span(&options.ReconnectMin, 100*time.Millisecond)
	span(&options.ReconnectMax, 10*time.Second)
	span(&options.AcknowledgeTimeout, 30*time.Second)
	span(&options.SampleInterval, time.Second)
	return options
}

// StartOptions says what is known before the run.
type StartOptions struct {
	// Default: the worker's.
	Namespace string
	// Unique per attempt. Default: a random one.
	ExecutionID string
	// From 1, the default.
	Attempt int
	// Numbers, for example input_bytes.
	Features map[string]float64
	// Words, for example image, tool, queue.
	Labels map[string]string
	// What the user asked for.
	Requested Resources
	// What it is given.
	Allocated Resources
	// Of the estimate that Allocated came from.
	EstimateToken []byte
}

// Start opens one execution.
func (w *Worker) Start(task string, options StartOptions) *Execution {
	namespace := firstOf(options.Namespace, w.options.Namespace)
	executionID := firstOf(options.ExecutionID, uuid.NewString())
	execution := &Execution{worker: w, id: executionID, startedAt: time.Now()}
	isReported, weight, minSampleInterval := w.directives.decide(namespace, task)
	if !isReported {
		return execution
	}
	start, err := startToWire(namespace, task, executionID, options)
	if err == nil {
		start.Weight = weight
		start.LeaseMs = uint32(min(w.options.Lease.Milliseconds(), math.MaxUint32))
		w.session.mu.Lock()
		if w.session.isOver() {
			err = errClosed
		} else if w.session.spool.start(start) {
			execution.isRecorded, execution.isOpen = true, true
			execution.minSampleInterval = minSampleInterval
			w.session.wake()
		} else {
			err = errors.New("the spool is full, or holds an execution of that id")
		}
		w.session.mu.Unlock()
	}
	if err != nil {
		w.unrecorded.Add(1)
		w.report(Problem{Kind: Unrecorded, Message: err.Error(), Task: task, ExecutionID: executionID})
	} else {
		w.started.Add(1)
	}
	return execution
}

func startToWire(namespace, task, executionID string, options StartOptions) (*foresizev1.ExecutionStart, error) {
	if options.Attempt < 0 || options.Attempt > math.MaxInt32 {
		return nil, fmt.Errorf("its attempt is %d", options.Attempt)
	}
	start := &foresizev1.ExecutionStart{
		ExecutionId:   executionID,
		Task:          &foresizev1.TaskKey{Namespace: namespace, Task: task},
		Attempt:       uint32(max(1, options.Attempt)),
		Features:      maps.Clone(options.Features),
		Labels:        maps.Clone(options.Labels),
		Requested:     options.Requested.toWire(),
		Allocated:     options.Allocated.toWire(),
		EstimateToken: append([]byte(nil), options.EstimateToken...),
	}
	// What cannot be encoded would break the stream for all.
	bytes, err := proto.Marshal(start)
	if err != nil {
		return nil, fmt.Errorf("its start cannot be encoded: %w", err)
	}
	if len(bytes) > maxStartBytes {
		return nil, fmt.Errorf("its start has %d bytes, at most %d may be", len(bytes), maxStartBytes)
	}
	return start, nil
}

// Flush returns nil once everything so far is stored, and an error where ctx ended first.
func (w *Worker) Flush(ctx context.Context) error { return w.session.flush(ctx) }

// Close flushes until ctx ends, then ends the session. What is unsent then is lost, and the error says so.
func (w *Worker) Close(ctx context.Context) error {
	err := w.session.flush(ctx)
	w.session.closeOnce.Do(func() { close(w.session.closing) })
	grace := time.Second
	if err != nil {
		grace = 0
	}
	select {
	case <-w.session.done:
	case <-time.After(grace):
	}
	w.cancel()
	<-w.session.done
	_ = w.connection.Close()
	return err
}

// Statistics counts so far.
func (w *Worker) Statistics() Statistics {
	w.session.mu.Lock()
	defer w.session.mu.Unlock()
	spool := w.session.spool
	return Statistics{
		Started: w.started.Load(), Ended: w.ended.Load(), Rejected: w.rejected.Load(),
		Unrecorded: w.unrecorded.Load(), Disconnects: w.disconnects.Load(),
		Executions: len(spool.known), WaitingSamples: spool.waitingSamples,
		UnacknowledgedBatches: len(spool.unacknowledged), ThinnedSamples: spool.thinnedSamples,
	}
}

func (w *Worker) receiveRejection(rejection *foresizev1.EventRejection) {
	w.rejected.Add(1)
	problem := Problem{Kind: Rejected, ExecutionID: rejection.ExecutionId}
	var said []string
	for _, violation := range rejection.Violations {
		problem.Violations = append(problem.Violations, Violation{violation.Field, violation.Description})
		said = append(said, violation.Field+" "+violation.Description)
	}
	problem.Message = strings.Join(said, "; ")
	w.report(problem)
}

func (w *Worker) receiveDisconnect(err error, isRenewal bool) {
	if errors.Is(err, io.EOF) || err == nil {
		err = errStreamEnded
	}
	w.disconnects.Add(1)
	if isRenewal {
		return
	}
	w.breaks.Add(1)
	w.report(Problem{Kind: Disconnected, Message: err.Error()})
}

func (w *Worker) report(problem Problem) {
	if w.options.OnProblem != nil {
		w.options.OnProblem(problem)
		return
	}
	// What goes on going wrong is said once in a while.
	counts := map[ProblemKind]*atomic.Int64{Disconnected: &w.breaks, Unrecorded: &w.unrecorded, Rejected: &w.rejected}
	if count, counted := counts[problem.Kind]; counted {
		if n := count.Load(); n > 1 && n != 10 && n != 100 && n%1000 != 0 {
			return
		}
	}
	slog.Warn("foresize: "+problem.Message, "kind", problem.Kind, "task", problem.Task, "execution", problem.ExecutionID)
}
