package foresize

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The decisions that the sizers of every language share: test/conformance/decisions.

type jsonResources map[string]float64

type jsonSettings struct {
	Enabled             *bool
	Mode                LearningMode
	MinExecutions       *float64
	ConfidenceThreshold *float64
	BeyondRange         BeyondRangeRule
	Risk                *float64
	Dimensions          []string
	Headroom            *float64
	Overhead, Min, Max  jsonResources
	NeverAboveRequest   *bool
	// Of an override.
	Namespace, Task string
	// Of a configuration.
	UpdateInterval float64
	Defaults       jsonResources
	Overrides      []jsonSettings
}

type jsonAttempt struct {
	ExecutionID        string
	Attempt            int
	Explicit           jsonResources
	PreviousAllocation jsonResources
	PreviousOutcome    Outcome
}

type jsonDecision struct {
	Kind, Law string

	Config              jsonSettings
	Task                struct{ Namespace, Task string }
	Explicit, Requested jsonResources
	PreviousAllocation  jsonResources
	PreviousOutcome     Outcome
	Answer              struct {
		Unavailable string
		Resources   jsonResources
		Confidence  float64
		Source      string
		Reason      string
		Executions  float64
		Notices     []Notice
	}
	Decision struct {
		Policy *struct {
			Risk               *float64
			Min, Max, Overhead jsonResources
		}
		Sizing struct {
			Allocated   jsonResources
			Reason      SizingReason
			Explanation string
			Advice      jsonResources
		}
	}

	First, Last jsonAttempt
	End         struct {
		Outcome   Outcome
		Allocated jsonResources
	}
	Retried     []Outcome
	MaxAttempts int
	Next        *jsonAttempt

	Setting string
}

func decisions(t *testing.T, kind string) []jsonDecision {
	t.Helper()
	file, err := os.Open("../../test/conformance/decisions/decisions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var found []jsonDecision
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var read jsonDecision
		if err := json.Unmarshal(lines.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		if read.Kind == kind {
			found = append(found, read)
		}
	}
	if len(found) < 5 {
		t.Fatalf("%d decisions of kind %s", len(found), kind)
	}
	return found
}

var capital = regexp.MustCompile("[A-Z]")

func snake(name string) string {
	return capital.ReplaceAllStringFunc(name, func(letter string) string { return "_" + strings.ToLower(letter) })
}

func (values jsonResources) read() Resources {
	resources := Resources{}
	for name, value := range values {
		*resources.at(snake(name)) = Of(value)
	}
	return resources
}

func (values jsonResources) equals(resources Resources) bool {
	return values.read().String() == resources.String() && reflect.DeepEqual(values.read(), resources)
}

func (s jsonSettings) settings() LearningSettings {
	read := LearningSettings{
		Enabled: s.Enabled, Mode: s.Mode, MinExecutions: s.MinExecutions, ConfidenceThreshold: s.ConfidenceThreshold,
		BeyondRange: s.BeyondRange, Risk: s.Risk, Headroom: s.Headroom, NeverAboveRequest: s.NeverAboveRequest,
		Overhead: s.Overhead.read(), Min: s.Min.read(), Max: s.Max.read(),
	}
	if s.Dimensions != nil {
		read.Dimensions = []string{}
	}
	for _, dimension := range s.Dimensions {
		read.Dimensions = append(read.Dimensions, snake(dimension))
	}
	return read
}

func (s jsonSettings) config() LearningConfig {
	config := LearningConfig{
		LearningSettings: s.settings(), Defaults: s.Defaults.read(),
		UpdateInterval: time.Duration(s.UpdateInterval * float64(time.Millisecond)),
	}
	for _, override := range s.Overrides {
		config.Overrides = append(config.Overrides, LearningOverride{override.Namespace, override.Task, override.settings()})
	}
	return config
}

func (a jsonAttempt) task() SchedulableTask {
	return SchedulableTask{
		ExecutionID: a.ExecutionID, Attempt: a.Attempt, Explicit: a.Explicit.read(),
		PreviousAllocation: a.PreviousAllocation.read(), PreviousOutcome: a.PreviousOutcome,
	}
}

func TestWhatATaskIsGivenIsAsDecided(t *testing.T) {
	for _, c := range decisions(t, "sizing") {
		config := c.Config.config()
		if err := config.check(); err != nil {
			t.Fatalf("%s: %v", c.Law, err)
		}
		own := config.settingsFor(c.Task.Namespace, c.Task.Task)
		in := sizingInput{settings: own, defaults: config.Defaults, task: SchedulableTask{
			Task: c.Task.Task, Explicit: c.Explicit.read(), Requested: c.Requested.read(),
			PreviousAllocation: c.PreviousAllocation.read(), PreviousOutcome: c.PreviousOutcome,
		}}
		policy := c.Decision.Policy
		if own.isAsked() != (policy != nil) {
			t.Errorf("%s: asked is %v", c.Law, own.isAsked())
		}
		if policy != nil {
			want := &Policy{Risk: policy.Risk, Min: policy.Min.read(), Max: policy.Max.read()}
			if policy.Overhead != nil {
				want.Overhead = &Resources{}
			}
			if !reflect.DeepEqual(own.policy(), want) {
				t.Errorf("%s: it is held to %+v", c.Law, own.policy())
			}
			said := c.Answer
			if in.unavailable = said.Unavailable; in.unavailable == "" {
				in.answer = &Estimate{
					Resources: said.Resources.read(), Confidence: said.Confidence, Source: said.Source,
					Reason: said.Reason, Executions: said.Executions, Notices: said.Notices,
				}
			}
		}
		got, want := size(in), c.Decision.Sizing
		if got.reason != want.Reason || got.explanation != want.Explanation || !want.Allocated.equals(got.allocated) {
			t.Errorf("%s: %+v, want %+v", c.Law, got, want)
		}
		if (got.advice != nil) != (want.Advice != nil) || got.advice != nil && !want.Advice.equals(*got.advice) {
			t.Errorf("%s: advice %v, want %v", c.Law, got.advice, want.Advice)
		}
	}
}

func TestWhetherThereIsANextAttemptIsAsDecided(t *testing.T) {
	for _, c := range decisions(t, "retry") {
		options := RetryOptions{Retried: c.Retried, MaxAttempts: c.MaxAttempts}
		got, isWorthIt := nextAttempt(c.First.task(), c.Last.task(), c.End.Outcome, c.End.Allocated.read(), options)
		if isWorthIt != (c.Next != nil) || isWorthIt && !reflect.DeepEqual(got, c.Next.task()) {
			t.Errorf("%s: %+v, %v, want %+v", c.Law, got, isWorthIt, c.Next)
		}
	}
}

func TestWhatMakesNoSenseIsRefusedByName(t *testing.T) {
	for _, c := range decisions(t, "refused") {
		name := strings.TrimPrefix(c.Setting, "learning.")
		where, name, isOverride := strings.Cut(name, ".")
		if !isOverride {
			where, name = "", where
		} else {
			where = strings.ToUpper(where[:1]) + where[1:] + "."
		}
		err := c.Config.config().check()
		if err == nil || !strings.HasPrefix(err.Error(), where+strings.ToUpper(name[:1])+name[1:]+" ") {
			t.Errorf("%s: %v", c.Setting, err)
		}
	}
}
