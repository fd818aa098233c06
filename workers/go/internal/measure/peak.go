package measure

// The kernel's counters of one and the same peak differ by this much: it sums them per CPU, lazily.
const counterDrift = 0.02

// PeakOf is the peak of a command's memory, and whether the kernel counted it exactly; 0 where nothing is known of it.
// ru_maxrss of a command starts from floorBytes, what the process that started it held: no higher, it says nothing.
// Samples can only miss.
func PeakOf(rusageBytes, floorBytes, sampledBytes float64) (bytes float64, isExact bool) {
	if rusageBytes > floorBytes*(1+counterDrift) && rusageBytes >= sampledBytes*(1-counterDrift) {
		return max(rusageBytes, sampledBytes), true
	}
	return sampledBytes, false
}
