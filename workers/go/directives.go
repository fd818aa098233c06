package foresize

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/foresize/foresize/workers/go/foresizev1"
)

// Tasks remembered; when there are more, all are reported whole again until the server says otherwise.
const maxDirectives = 10_000

// directives is what the server asked of each task. The share reported is drawn per execution, so that counts stay
// unbiased.
type directives struct {
	mu     sync.Mutex
	byTask map[taskKey]directive
}

type taskKey struct{ namespace, task string }

type directive struct {
	fraction          float64
	minSampleInterval time.Duration
}

func (d *directives) receive(message *foresizev1.SamplingDirective) {
	fraction := message.ExecutionFraction
	if !(fraction > 0 && fraction <= 1) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byTask == nil || len(d.byTask) >= maxDirectives {
		d.byTask = map[taskKey]directive{}
	}
	d.byTask[taskKey{message.Task.GetNamespace(), message.Task.GetTask()}] = directive{
		fraction, time.Duration(message.MinSampleIntervalMs) * time.Millisecond,
	}
}

// decide says whether the next execution is reported, how many it then stands for, and how far apart its samples are.
func (d *directives) decide(namespace, task string) (isReported bool, weight float64, minSampleInterval time.Duration) {
	d.mu.Lock()
	asked, known := d.byTask[taskKey{namespace, task}]
	d.mu.Unlock()
	if !known {
		return true, 1, 0
	}
	return asked.fraction == 1 || rand.Float64() < asked.fraction, 1 / asked.fraction, asked.minSampleInterval
}
