package measure

import "testing"

func TestStatOfAnyCommandName(t *testing.T) {
	stat, found := parseStat("42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 150 50 25 25 20 0 1 0 12345 0 0\n")
	if !found || stat.CPUSeconds != 2.5 || stat.StartTicks != 12345 || stat.ParentPid != 7 {
		t.Fatalf("%+v", stat)
	}
	for _, text := range []string{"", "42 (x", "42 (x) S 1", "42 (x) S 7 1 1 0 -1 0 0 0 0 0 a 50 25 25 20 0 1 0 1 0"} {
		if _, found := parseStat(text); found {
			t.Errorf("%q was read", text)
		}
	}
}
