package foresize

import (
	"fmt"
	"slices"
)

// SchedulableTask is a task that wants to run.
type SchedulableTask struct {
	Task string
	// Default: the estimator's.
	Namespace string
	// Unique per attempt. Default: a random one.
	ExecutionID string
	Features    map[string]float64
	Labels      map[string]string
	// Resources that the owner has fixed. What is set here is given as it is, whatever was learned.
	Explicit Resources
	// What the task gets where nothing was learned, and evidence for the estimate.
	Requested Resources
	// From 1, the default.
	Attempt int
	// For a retry: what the attempt before was given, and how it ended.
	PreviousAllocation Resources
	PreviousOutcome    Outcome
}

// RetryOptions says what is worth another attempt.
type RetryOptions struct {
	// Outcomes that are. Default: out of memory, timed out, evicted, lost.
	Retried []Outcome
	// Attempts in all. Default 4.
	MaxAttempts int
}

// nextAttempt is the attempt after last, of which first was the first. There is none where its outcome is not worth one,
// MaxAttempts have been made, or what ran out could not be raised, because its owner has fixed it or a maximum holds it.
// Pure; held by test/conformance/decisions.
func nextAttempt(
	first, last SchedulableTask, outcome Outcome, allocated Resources, options RetryOptions,
) (SchedulableTask, bool) {
	if options.Retried == nil {
		options.Retried = []Outcome{OutOfMemory, TimedOut, Evicted, Lost}
	}
	if options.MaxAttempts <= 0 {
		options.MaxAttempts = 4
	}
	attempt := max(1, last.Attempt) + 1
	if !slices.Contains(options.Retried, outcome) || attempt > options.MaxAttempts {
		return SchedulableTask{}, false
	}
	if ranOut := exhaustedBy(outcome); ranOut != "" {
		wasHeld := last.PreviousOutcome == outcome &&
			valueOf(*allocated.at(ranOut)) <= valueOf(*last.PreviousAllocation.at(ranOut))
		if wasHeld || *first.Explicit.at(ranOut) != nil {
			return SchedulableTask{}, false
		}
	}
	next := first
	next.ExecutionID = fmt.Sprintf("%s/%d", first.ExecutionID, attempt)
	next.Attempt = attempt
	next.PreviousAllocation = allocated
	next.PreviousOutcome = outcome
	return next, true
}
