package foresize

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// LearningMode is how far what was learned is followed.
type LearningMode string

const (
	// The estimator is not asked.
	ModeOff LearningMode = "off"
	// Asked, and the task does not learn of it.
	ModeShadow LearningMode = "shadow"
	// The answer travels with the task, the request is given.
	ModeAdvise LearningMode = "advise"
	// The answer is given.
	ModeApply LearningMode = "apply"
)

// BeyondRangeRule is what is given where an input is larger than any learned from.
type BeyondRangeRule string

const (
	// The answer, whatever its confidence.
	BeyondRangeTrust BeyondRangeRule = "trust"
	// The request, in each dimension that has one.
	BeyondRangeRequest BeyondRangeRule = "request"
)

// LearningSettings says how far what was learned is followed. What is unset has its default or, in an override, stays as
// it is.
type LearningSettings struct {
	// Default true. False is [ModeOff], whatever the mode.
	Enabled *bool
	// Default [ModeApply].
	Mode LearningMode
	// Executions behind an answer before it is used. Default 3.
	MinExecutions *float64
	// Confidence of an answer before it is used, 0 to 1. Default 0.5.
	ConfidenceThreshold *float64
	// Unset: by the confidence of the answer, as within the range.
	BeyondRange BeyondRangeRule
	// 0 economical to 1 safe. Unset leaves it to the estimator.
	Risk *float64
	// What is learned, as "memory_bytes"; in the others the request is given. Nil is all.
	Dimensions []string
	// Added to what was learned, as a share of it. Default 0.
	Headroom *float64
	// What wraps the task under the same limit and is not measured with it: added to what was learned.
	Overhead Resources
	// What was learned is given as at least Min, at most Max.
	Min, Max Resources
	// What was learned is given as at most the request, escalation after a kill left out. Default false.
	NeverAboveRequest *bool
}

// LearningOverride has settings of some tasks.
type LearningOverride struct {
	// Empty: all namespaces.
	Namespace string
	// A name, or its beginning and "*". Empty: all tasks.
	Task string
	LearningSettings
}

// LearningConfig of a [Sizer]. The zero value has the defaults of docs/scheduling.md.
type LearningConfig struct {
	LearningSettings
	// An answer is used again for the same question for so long. Default 5 s.
	UpdateInterval time.Duration
	// What a task gets in a dimension that it neither fixes nor requests and of which nothing was learned.
	Defaults Resources
	// Later ones win over earlier ones.
	Overrides []LearningOverride
}

// settings of one task: nothing is unset that has a default.
type settings struct {
	mode                                         LearningMode
	minExecutions, confidenceThreshold, headroom float64
	beyondRange                                  BeyondRangeRule
	risk                                         *float64
	dimensions                                   []string
	overhead, min, max                           Resources
	isEnabled, neverAboveRequest                 bool
}

func (s settings) isAsked() bool { return s.isEnabled && s.mode != ModeOff }

// policy is what the estimator is asked to hold to. An overhead that is set here is added here, in place of its own.
func (s settings) policy() *Policy {
	policy := &Policy{Risk: s.risk, Min: s.min, Max: s.max}
	if s.overhead != (Resources{}) {
		policy.Overhead = &Resources{}
	}
	return policy
}

func (config LearningConfig) settingsFor(namespace, task string) settings {
	own := settings{
		mode: ModeApply, minExecutions: 3, confidenceThreshold: 0.5, dimensions: dimensions, isEnabled: true,
	}
	own.lay(config.LearningSettings)
	for _, override := range config.Overrides {
		if (override.Namespace == "" || override.Namespace == namespace) && matches(override.Task, task) {
			own.lay(override.LearningSettings)
		}
	}
	return own
}

func (s *settings) lay(over LearningSettings) {
	lay(&s.isEnabled, over.Enabled)
	lay(&s.minExecutions, over.MinExecutions)
	lay(&s.confidenceThreshold, over.ConfidenceThreshold)
	lay(&s.headroom, over.Headroom)
	lay(&s.neverAboveRequest, over.NeverAboveRequest)
	laySet(&s.mode, over.Mode)
	laySet(&s.beyondRange, over.BeyondRange)
	laySet(&s.risk, over.Risk)
	laySet(&s.overhead, over.Overhead)
	laySet(&s.min, over.Min)
	laySet(&s.max, over.Max)
	if over.Dimensions != nil {
		s.dimensions = over.Dimensions
	}
}

func lay[T any](value *T, over *T) {
	if over != nil {
		*value = *over
	}
}

func laySet[T comparable](value *T, over T) {
	var unset T
	if over != unset {
		*value = over
	}
}

func matches(pattern, task string) bool {
	if beginning, isBeginning := strings.CutSuffix(pattern, "*"); isBeginning {
		return strings.HasPrefix(task, beginning)
	}
	return pattern == "" || pattern == task
}

// check names the setting of a configuration that makes no sense.
func (config LearningConfig) check() error {
	if config.UpdateInterval < 0 || config.UpdateInterval > 24*time.Hour {
		return fmt.Errorf("UpdateInterval must be from 0 to 24h")
	}
	if err := config.LearningSettings.check(""); err != nil {
		return err
	}
	for i, override := range config.Overrides {
		if err := override.check(fmt.Sprintf("Overrides[%d].", i)); err != nil {
			return err
		}
	}
	return nil
}

func (s LearningSettings) check(where string) error {
	for _, bounded := range []struct {
		name  string
		value *float64
		most  float64
	}{
		{"MinExecutions", s.MinExecutions, 1 << 53},
		{"ConfidenceThreshold", s.ConfidenceThreshold, 1},
		{"Risk", s.Risk, 1},
		{"Headroom", s.Headroom, 10},
	} {
		if bounded.value != nil && !(*bounded.value >= 0 && *bounded.value <= bounded.most) {
			return fmt.Errorf("%s%s must be from 0 to %g", where, bounded.name, bounded.most)
		}
	}
	if !slices.Contains([]LearningMode{"", ModeOff, ModeShadow, ModeAdvise, ModeApply}, s.Mode) {
		return fmt.Errorf("%sMode must be one of off, shadow, advise, apply", where)
	}
	if !slices.Contains([]BeyondRangeRule{"", BeyondRangeTrust, BeyondRangeRequest}, s.BeyondRange) {
		return fmt.Errorf("%sBeyondRange must be one of trust, request", where)
	}
	for _, dimension := range s.Dimensions {
		if !slices.Contains(dimensions, dimension) {
			return fmt.Errorf("%sDimensions must be of %s", where, strings.Join(dimensions, ", "))
		}
	}
	return nil
}
