package foresize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failed calls in a row after which the estimator is left alone for a while.
const failuresUntilPause = 3

// answers asks the estimator on behalf of a scheduler: within a deadline, with answers kept for a while. Safe for
// concurrent use.
type answers struct {
	estimator *Estimator
	options   SizerOptions

	mu          sync.Mutex
	kept        *simplelru.LRU[string, keptAnswer]
	failures    int
	pausedUntil time.Time
	// An A/B test runs whose variants are drawn by execution: the answer for one is not that for another.
	drawsByExecution bool
	counts           map[string]int
}

type keptAnswer struct {
	estimate Estimate
	at       time.Time
}

func newAnswers(estimator *Estimator, options SizerOptions) (*answers, error) {
	kept, err := simplelru.NewLRU[string, keptAnswer](options.MaxAnswers, nil)
	return &answers{estimator: estimator, options: options, kept: kept, counts: map[string]int{}}, err
}

// ask waits no longer than the deadline. The estimator gone, it is the last answer to the same question. Without an
// answer it says why.
func (a *answers) ask(ctx context.Context, query Query, updateInterval time.Duration) (*Estimate, string) {
	question, err := questionOf(query)
	if err != nil {
		return nil, "it cannot be asked: " + err.Error()
	}
	forExecution := question + query.ExecutionID
	a.mu.Lock()
	key := question
	if a.drawsByExecution {
		key = forExecution
	}
	known := a.fresh(key, updateInterval)
	isPaused := time.Now().Before(a.pausedUntil)
	if known != nil {
		a.counts["cached"]++
	} else {
		a.counts["asks"]++
	}
	a.mu.Unlock()
	if known != nil {
		return known, ""
	}
	var answer Estimate
	reason := "the estimator did not answer lately"
	if !isPaused {
		answer, reason = a.call(ctx, query)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if reason == "" {
		a.drawsByExecution = answer.VariantByExecution
		a.kept.Add(question, keptAnswer{answer, time.Now()})
		if a.drawsByExecution {
			a.kept.Add(forExecution, keptAnswer{answer, time.Now()})
		}
		return &answer, ""
	}
	if last := a.fresh(question, a.options.MaxAnswerAge); last != nil {
		a.counts["outdated"]++
		return last, ""
	}
	a.counts["unavailable"]++
	return nil, reason
}

func (a *answers) call(ctx context.Context, query Query) (Estimate, string) {
	bounded, cancel := context.WithTimeout(ctx, a.options.Deadline)
	defer cancel()
	answer, err := a.estimator.Estimate(bounded, query)
	switch {
	case err == nil:
		err = garbageIn(answer)
	case ctx.Err() != nil:
		return Estimate{}, ctx.Err().Error()
	case status.Code(err) == codes.InvalidArgument:
		return Estimate{}, "refused: " + status.Convert(err).Message()
	case errors.Is(err, errQuery):
		return Estimate{}, err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.failures = 0
		return answer, ""
	}
	a.failures++
	if a.failures >= failuresUntilPause {
		a.pausedUntil = time.Now().Add(a.options.Pause)
	}
	return Estimate{}, firstOf(status.Convert(err).Message(), "no answer")
}

// fresh is called with the lock held.
func (a *answers) fresh(key string, maxAge time.Duration) *Estimate {
	kept, found := a.kept.Get(key)
	if !found || time.Since(kept.at) > maxAge {
		return nil
	}
	return &kept.estimate
}

func (a *answers) count(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[what]++
}

func (a *answers) statistics() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.counts)
}

// questionOf has everything in it but the execution it is for.
func questionOf(query Query) (string, error) {
	query.ExecutionID = ""
	encoded, err := json.Marshal(query)
	return string(encoded), err
}

// garbageIn is what no estimator may say: better the request than that.
func garbageIn(answer Estimate) error {
	for _, dimension := range dimensions {
		if value := *answer.Resources.at(dimension); value != nil && !(*value > 0 && *value <= limits[dimension]) {
			return fmt.Errorf("the answer has %s %g", dimension, *value)
		}
	}
	if !(answer.Confidence >= 0 && answer.Confidence <= 1) {
		return fmt.Errorf("the answer has confidence %g", answer.Confidence)
	}
	return nil
}
