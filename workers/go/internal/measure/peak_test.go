package measure

import "testing"

func TestThePeakOfACommandIsNeverThatOfItsParent(t *testing.T) {
	const floor = 300e6
	for _, c := range []struct {
		rusage, sampled, want float64
		isExact               bool
	}{
		{500e6, 0, 500e6, true},
		{500e6, 400e6, 500e6, true},
		{300e6, 2e6, 2e6, false},
		{301e6, 0, 0, false},
		{500e6, 600e6, 600e6, false},
	} {
		if got, isExact := PeakOf(c.rusage, floor, c.sampled); got != c.want || isExact != c.isExact {
			t.Errorf("%+v: %v, exact %v", c, got, isExact)
		}
	}
}
