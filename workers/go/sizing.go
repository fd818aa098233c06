package foresize

import (
	"fmt"
	"slices"
	"strconv"
)

// SizingReason is why a task got what it got; only Learned and Escalated are foresize's doing.
type SizingReason string

const (
	ReasonLearned          SizingReason = "learned"
	ReasonEscalated        SizingReason = "escalated"
	ReasonOff              SizingReason = "off"
	ReasonShadow           SizingReason = "shadow"
	ReasonAdvise           SizingReason = "advise"
	ReasonExplicit         SizingReason = "explicit"
	ReasonUnavailable      SizingReason = "unavailable"
	ReasonTooFewExecutions SizingReason = "too-few-executions"
	ReasonNotConfident     SizingReason = "not-confident"
	ReasonBeyondRange      SizingReason = "beyond-range"
	ReasonUnknownTask      SizingReason = "unknown-task"
)

// sizingInput is all that a decision follows from. The answer is nil where the estimator was not asked, and unavailable
// says why where there is none.
type sizingInput struct {
	task        SchedulableTask
	defaults    Resources
	settings    settings
	answer      *Estimate
	unavailable string
}

type sizing struct {
	allocated   Resources
	reason      SizingReason
	explanation string
	advice      *Resources
}

// size gives, in each dimension, the first of: what its owner fixed; what was learned, if the answer is good enough, the
// mode is apply and the request is not to be given beyond the range; what the task requests; the default; any answer at
// all. After a kill for want of resources the dimension that ran out is at least what was learned of it, or twice what it
// had. Pure: the sizers of every language decide alike, by test/conformance/decisions.
func size(in sizingInput) sizing {
	task, own, answer := in.task, in.settings, in.answer
	fallback, isEscalated := in.escalated(firstSet(task.Requested, in.defaults))
	unlearned := func(reason SizingReason, explanation string, advice *Resources) sizing {
		layers := []Resources{task.Explicit, fallback}
		if advice != nil && own.mode == ModeApply {
			layers = append(layers, *advice)
		}
		if isEscalated {
			reason, explanation = ReasonEscalated, "the last attempt ran out; "+explanation
		}
		return sizing{firstSet(layers...), reason, explanation, advice}
	}
	if in.unavailable != "" {
		return unlearned(ReasonUnavailable, in.unavailable, nil)
	}
	if answer == nil {
		return unlearned(ReasonOff, "learning is off", nil)
	}
	isEscalation := answer.Source == "escalation"
	advice := in.bounded(answer.Resources, isEscalation)
	switch own.mode {
	case ModeShadow:
		return unlearned(ReasonShadow, answer.Reason, &advice)
	case ModeAdvise:
		return unlearned(ReasonAdvise, answer.Reason, &advice)
	}
	beyond := ""
	if !isEscalation {
		if answer.Source != "profile" && answer.Source != "cohort" {
			return unlearned(ReasonUnknownTask, answer.Reason, &advice)
		}
		if answer.Executions < own.minExecutions {
			counts := counted(answer.Executions, "execution") + ", " + plain(own.minExecutions) + " needed"
			return unlearned(ReasonTooFewExecutions, counts, &advice)
		}
		beyond = beyondRange(answer.Notices)
		isTrusted := beyond != "" && own.beyondRange == BeyondRangeTrust
		if !isTrusted && answer.Confidence < own.confidenceThreshold {
			shares := fmt.Sprintf("confidence %.2f, %s needed", answer.Confidence, plain(own.confidenceThreshold))
			return unlearned(ReasonNotConfident, shares, &advice)
		}
	}
	if beyond != "" && own.beyondRange == BeyondRangeRequest && in.requestReplacesAny(advice) {
		allocated := firstSet(task.Explicit, task.Requested, advice, fallback)
		return sizing{allocated, ReasonBeyondRange, beyond + " is beyond the range learned from", &advice}
	}
	reason := ReasonLearned
	switch {
	case isEscalation:
		reason = ReasonEscalated
	case task.Explicit.MemoryBytes != nil:
		reason = ReasonExplicit
	}
	return sizing{firstSet(task.Explicit, in.raisedAgain(advice), advice, fallback), reason, answer.Reason, &advice}
}

// beyondRange is the feature that is farthest beyond what was learned from.
func beyondRange(notices []Notice) string {
	for _, notice := range notices {
		if notice.Kind == "beyond-range" {
			return notice.Subject
		}
	}
	return ""
}

// exhaustedBy is the dimension that an outcome alone says was too little, empty where it says nothing.
func exhaustedBy(outcome Outcome) string {
	switch outcome {
	case OutOfMemory:
		return "memory_bytes"
	case TimedOut:
		return "duration_ms"
	default:
		return ""
	}
}

// requestReplacesAny is false after an attempt that ran out: it has refuted the request, or what was given instead.
func (in sizingInput) requestReplacesAny(advice Resources) bool {
	return exhaustedBy(in.task.PreviousOutcome) == "" && slices.ContainsFunc(dimensions, func(dimension string) bool {
		return *in.task.Requested.at(dimension) != nil && *advice.at(dimension) != nil
	})
}

// raisedAgain is set where what ran out would be given again as it was, whatever was learned.
func (in sizingInput) raisedAgain(advice Resources) Resources {
	dimension := exhaustedBy(in.task.PreviousOutcome)
	if dimension == "" || valueOf(*advice.at(dimension)) > valueOf(*in.task.PreviousAllocation.at(dimension)) {
		return Resources{}
	}
	raised, _ := in.escalated(advice)
	only := Resources{}
	*only.at(dimension) = *raised.at(dimension)
	return only
}

// Growth of the dimension that ran out, where the estimator has nothing better to say.
const escalationFactor = 2

func (in sizingInput) escalated(resources Resources) (Resources, bool) {
	dimension := exhaustedBy(in.task.PreviousOutcome)
	if dimension == "" || *in.task.PreviousAllocation.at(dimension) == nil {
		return resources, false
	}
	before := **in.task.PreviousAllocation.at(dimension)
	raised := max(valueOf(*resources.at(dimension)), before*escalationFactor)
	if ceiling := *in.settings.max.at(dimension); ceiling != nil {
		raised = min(raised, *ceiling)
	}
	*resources.at(dimension) = &raised
	return resources, true
}

func (in sizingInput) bounded(learned Resources, isEscalation bool) Resources {
	own := in.settings
	result := Resources{}
	for _, dimension := range dimensions {
		found := *learned.at(dimension)
		if found == nil || !slices.Contains(own.dimensions, dimension) {
			continue
		}
		value := *found
		ceilings := []*float64{*own.max.at(dimension)}
		if !isEscalation {
			// Converted, so that no machine fuses the two: every language is to decide alike.
			value = float64(value*(1+own.headroom)) + valueOf(*own.overhead.at(dimension))
			if own.neverAboveRequest {
				ceilings = append(ceilings, *in.task.Requested.at(dimension))
			}
		}
		value = max(value, valueOf(*own.min.at(dimension)))
		for _, ceiling := range ceilings {
			if ceiling != nil {
				value = min(value, *ceiling)
			}
		}
		*result.at(dimension) = &value
	}
	return result
}

// firstSet is in each dimension the first that is set.
func firstSet(layers ...Resources) Resources {
	result := Resources{}
	for _, dimension := range dimensions {
		for _, layer := range layers {
			if value := *layer.at(dimension); value != nil {
				*result.at(dimension) = value
				break
			}
		}
	}
	return result
}

func valueOf(value *float64) float64 {
	if value == nil {
		return 0
	}
	return *value
}

func counted(number float64, what string) string {
	if number == 1 {
		return plain(number) + " " + what
	}
	return plain(number) + " " + what + "s"
}

func plain(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }
