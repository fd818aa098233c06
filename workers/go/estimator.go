package foresize

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// EstimatorOptions of an [Estimator]. The zero value asks $FORESIZE_ESTIMATOR, else localhost:7071.
type EstimatorOptions struct {
	Target string
	// Of every query that does not say. Default "default".
	Namespace string
	// As of a worker.
	TLS *tls.Config
	// As of a worker, asked for at each call.
	Token func() string
	// Longest wait for an answer where the context has no deadline. Default 1 s.
	Deadline time.Duration
}

// Estimator says what the next run needs, and how sure that is. Safe for concurrent use.
type Estimator struct {
	options    EstimatorOptions
	connection *grpc.ClientConn
	client     foresizev1.EstimatorServiceClient
}

// Query is what is about to run.
type Query struct {
	Task      string
	Namespace string
	Features  map[string]float64
	Labels    map[string]string
	// What the user asked for.
	Requested Resources
	// From 1, the default.
	Attempt int
	// For a retry: what the attempt before was given, and how it ended.
	PreviousAllocation Resources
	PreviousOutcome    Outcome
	Policy             *Policy
	// Where it is known already.
	ExecutionID string
}

// Policy is how to choose; what is unset is the server's.
type Policy struct {
	// 0 is economical, 0.5 balanced, 1 safe.
	Risk *float64
	// Probability with which the allocation shall suffice; decides instead of Risk.
	TargetCoverage *float64
	Strategies     []string
	Min, Max       Resources
	// What wraps the task, which the answer is to include. Empty: none, whatever the server adds by default.
	Overhead *Resources
}

// Estimate is what to give the run.
type Estimate struct {
	Resources Resources
	// Probability that they suffice, CPU left out.
	Confidence float64
	// profile, cohort, request, namespace, default or escalation.
	Source string
	Reason string
	// That the profile has folded.
	Executions float64
	Staleness  time.Duration
	Variant    string
	// The variant was drawn by the execution's id: the answer is for that execution alone.
	VariantByExecution bool
	// Goes with the execution as EstimateToken: so the estimate is scored.
	Token   []byte
	Notices []Notice
}

// Confidence is how sure it is that given resources suffice.
type Confidence struct {
	Confidence float64
	Source     string
	Reason     string
	Executions float64
	Notices    []Notice
}

// Notice is what to know before trusting an answer.
type Notice struct {
	// beyond-range, unknown-feature, missing-feature, unknown-label, missing-label, unknown-task, few-executions,
	// stale-view or clamped; a number for one newer than this package.
	Kind string
	// The feature, label or task it is about.
	Subject string
	// Times the largest value seen, executions, the age in milliseconds, or the amount before it was clamped: by kind.
	Number *float64
	// Known names a few letters from Subject, the nearest first.
	Nearest []string
	// memory_bytes and the like, where it is about one.
	Dimension string
}

// NewEstimator fails only for options that cannot be.
func NewEstimator(options EstimatorOptions) (*Estimator, error) {
	options.Target = firstOf(options.Target, os.Getenv("FORESIZE_ESTIMATOR"), defaultEstimator)
	options.Namespace = firstOf(options.Namespace, "default")
	if options.Deadline <= 0 {
		options.Deadline = time.Second
	}
	var err error
	if options.TLS, options.Token, err = security(options.Target, options.TLS, options.Token); err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	connection, err := connect(options.Target, options.TLS)
	if err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	return &Estimator{options, connection, foresizev1.NewEstimatorServiceClient(connection)}, nil
}

// Estimate asks what a run needs. The error is a gRPC status.
func (e *Estimator) Estimate(ctx context.Context, query Query) (Estimate, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	message, err := e.query(query)
	if err != nil {
		return Estimate{}, err
	}
	response, err := e.client.Estimate(ctx, &foresizev1.EstimateRequest{Query: message})
	if err != nil {
		return Estimate{}, err
	}
	answer := response.Estimate
	return Estimate{
		Resources:  fromWire(answer.GetResources()),
		Confidence: answer.GetConfidence(),
		Source:     sourceName(answer.GetSource()),
		Reason:     answer.GetReason(),
		Executions: answer.GetExecutions(),
		Staleness:  time.Duration(answer.GetStalenessMs() * float64(time.Millisecond)),
		Variant:    answer.GetVariant(),

		VariantByExecution: answer.GetVariantByExecution(),

		Token:   answer.GetEstimateToken(),
		Notices: notices(answer.GetNotices()),
	}, nil
}

// Confidence that the resources suffice, nil for what Estimate would answer. The error is a gRPC status.
func (e *Estimator) Confidence(ctx context.Context, query Query, given *Resources) (Confidence, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	message, err := e.query(query)
	if err != nil {
		return Confidence{}, err
	}
	request := &foresizev1.ConfidenceRequest{Query: message}
	if given != nil {
		request.Resources = given.toWire()
	}
	answer, err := e.client.Confidence(ctx, request)
	if err != nil {
		return Confidence{}, err
	}
	return Confidence{
		Confidence: answer.Confidence,
		Source:     sourceName(answer.Source),
		Reason:     answer.Reason,
		Executions: answer.Executions,
		Notices:    notices(answer.Notices),
	}, nil
}

// Close ends the connection.
func (e *Estimator) Close() error { return e.connection.Close() }

func (e *Estimator) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = withToken(ctx, e.options.Token)
	if _, hasDeadline := ctx.Deadline(); hasDeadline {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, e.options.Deadline)
}

func (e *Estimator) query(query Query) (*foresizev1.EstimateQuery, error) {
	previous := foresizev1.Outcome_OUTCOME_UNSPECIFIED
	if query.PreviousOutcome != "" {
		known := false
		if previous, known = outcomes[query.PreviousOutcome]; !known {
			return nil, fmt.Errorf("%w: there is no outcome %q", errQuery, query.PreviousOutcome)
		}
	}
	message := &foresizev1.EstimateQuery{
		Task:               &foresizev1.TaskKey{Namespace: firstOf(query.Namespace, e.options.Namespace), Task: query.Task},
		Features:           maps.Clone(query.Features),
		Labels:             maps.Clone(query.Labels),
		Requested:          query.Requested.toWire(),
		Attempt:            uint32(max(1, query.Attempt)),
		PreviousAllocation: query.PreviousAllocation.toWire(),
		PreviousOutcome:    previous,
		ExecutionId:        query.ExecutionID,
	}
	if policy := query.Policy; policy != nil {
		message.Policy = &foresizev1.Policy{
			Risk: policy.Risk, TargetCoverage: policy.TargetCoverage, Strategies: policy.Strategies,
			Min: policy.Min.toWire(), Max: policy.Max.toWire(),
		}
		if policy.Overhead != nil {
			message.Policy.Overhead = policy.Overhead.toWire()
		}
	}
	return message, nil
}

// errQuery is one that cannot be sent.
var errQuery = errors.New("foresize: the query makes no sense")

func sourceName(source foresizev1.EstimateSource) string {
	return strings.ToLower(strings.TrimPrefix(source.String(), "ESTIMATE_SOURCE_"))
}

func notices(messages []*foresizev1.Notice) []Notice {
	read := make([]Notice, 0, len(messages))
	for _, message := range messages {
		kind := strings.ToLower(strings.TrimPrefix(message.Kind.String(), "NOTICE_KIND_"))
		dimension := ""
		if message.Dimension != foresizev1.Dimension_DIMENSION_UNSPECIFIED {
			dimension = strings.ToLower(strings.TrimPrefix(message.Dimension.String(), "DIMENSION_"))
		}
		read = append(read, Notice{
			Kind:      strings.ReplaceAll(kind, "_", "-"),
			Subject:   message.Subject,
			Number:    message.Number,
			Nearest:   message.Nearest,
			Dimension: dimension,
		})
	}
	return read
}
