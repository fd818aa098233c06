package foresize

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// SizerOptions of a [Sizer]. The zero value has the defaults.
type SizerOptions struct {
	// What is followed of what was learned.
	Learning LearningConfig
	// Longest wait of one decision. Default 250 ms.
	Deadline time.Duration
	// With the estimator gone, an answer is used for so long. Default 10 min.
	MaxAnswerAge time.Duration
	// Answers kept. Default 10,000.
	MaxAnswers int
	// After three failed calls in a row nobody is asked for so long. Default 1 s.
	Pause time.Duration
}

// Sizer decides what tasks are given, for a scheduler. It never fails one: switched off, unsure or unreachable, tasks get
// what they request. Safe for concurrent use.
type Sizer struct {
	learning LearningConfig
	answers  *answers
}

// Sized is a task whose resources are decided.
type Sized struct {
	Task      SchedulableTask
	Allocated Resources
	Reason    SizingReason
	// For a person: the estimator's own reason, or why there is none.
	Explanation string
	// What foresize would give, where it has an answer: where it is only to advise it is not given.
	Advice *Resources
	// Probability that what was answered suffices; nil without an answer.
	Confidence *float64
	// Behind the answer.
	Executions float64
	Notices    []Notice
	// Empty where there was no answer.
	EstimateToken []byte
	// The first attempt.
	first SchedulableTask
}

// NewSizer fails only for a configuration that makes no sense, and says which setting. The estimator stays the caller's
// to close.
func NewSizer(estimator *Estimator, options SizerOptions) (*Sizer, error) {
	if err := options.Learning.check(); err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	for value, fallback := range map[*time.Duration]time.Duration{
		&options.Learning.UpdateInterval: 5 * time.Second,
		&options.Deadline:                250 * time.Millisecond,
		&options.MaxAnswerAge:            10 * time.Minute,
		&options.Pause:                   time.Second,
	} {
		if *value <= 0 {
			*value = fallback
		}
	}
	if options.MaxAnswers <= 0 {
		options.MaxAnswers = 10_000
	}
	answers, err := newAnswers(estimator, options)
	if err != nil {
		return nil, fmt.Errorf("foresize: %w", err)
	}
	return &Sizer{options.Learning, answers}, nil
}

// Size decides what the task is given. It waits no longer than the deadline, or until ctx ends.
func (s *Sizer) Size(ctx context.Context, task SchedulableTask) Sized {
	task.Namespace = firstOf(task.Namespace, s.answers.estimator.options.Namespace)
	task.ExecutionID = firstOf(task.ExecutionID, uuid.NewString())
	task.Attempt = max(1, task.Attempt)
	return s.size(ctx, task, task)
}

// Resize sizes it anew. A scheduler that lets tasks wait does so when one is about to start: by then more is known.
func (s *Sizer) Resize(ctx context.Context, sized Sized) Sized {
	return s.size(ctx, sized.Task, sized.first)
}

// Retry is the next attempt after one that ended so: with more of what ran out, with the same after an eviction or a
// loss. False where another is not worth it, or what ran out cannot be raised.
func (s *Sizer) Retry(ctx context.Context, sized Sized, outcome Outcome, options RetryOptions) (Sized, bool) {
	task, isWorthIt := nextAttempt(sized.first, sized.Task, outcome, sized.Allocated, options)
	if !isWorthIt {
		return Sized{}, false
	}
	return s.size(ctx, task, sized.first), true
}

// Statistics counts decisions by reason, as "decided.learned", and what became of the questions: "asks", answered from
// one kept ("cached"), from one past its time since the estimator was gone ("outdated"), and not at all ("unavailable").
func (s *Sizer) Statistics() map[string]int { return s.answers.statistics() }

func (s *Sizer) size(ctx context.Context, task, first SchedulableTask) Sized {
	own := s.learning.settingsFor(task.Namespace, task.Task)
	in := sizingInput{task: task, defaults: s.learning.Defaults, settings: own}
	if own.isAsked() {
		in.answer, in.unavailable = s.answers.ask(ctx, Query{
			Task: task.Task, Namespace: task.Namespace, Features: task.Features, Labels: task.Labels,
			Requested: task.Requested, Attempt: task.Attempt,
			PreviousAllocation: task.PreviousAllocation, PreviousOutcome: task.PreviousOutcome,
			Policy: own.policy(), ExecutionID: task.ExecutionID,
		}, s.learning.UpdateInterval)
	}
	decided := size(in)
	s.answers.count("decided." + string(decided.reason))
	sized := Sized{
		Task: task, Allocated: decided.allocated, Reason: decided.reason, Explanation: decided.explanation, first: first,
	}
	if own.mode != ModeShadow {
		sized.Advice = decided.advice
	}
	if answer := in.answer; answer != nil {
		sized.Confidence, sized.Executions = &answer.Confidence, answer.Executions
		sized.Notices, sized.EstimateToken = answer.Notices, answer.Token
	}
	return sized
}

// StartOptions is what is known before the run, for [Worker.Run], [Worker.Start] and [Worker.Profile]: so the execution
// is told from others, and the estimate is scored.
func (s Sized) StartOptions() StartOptions {
	return StartOptions{
		Namespace: s.Task.Namespace, ExecutionID: s.Task.ExecutionID, Attempt: s.Task.Attempt,
		Features: s.Task.Features, Labels: s.Task.Labels,
		Requested: s.Task.Requested, Allocated: s.Allocated, EstimateToken: s.EstimateToken,
	}
}

func (s Sized) String() string {
	sure := ""
	if s.Confidence != nil {
		sure = fmt.Sprintf(", %.0f %% sure", 100**s.Confidence)
	}
	return fmt.Sprintf("%s: %v (%s%s: %s)", s.Task.Task, s.Allocated, s.Reason, sure, s.Explanation)
}
