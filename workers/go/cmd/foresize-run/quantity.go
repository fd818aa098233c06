//go:build linux

package main

import (
	"math"
	"strconv"
	"strings"
)

var byteUnits = map[string]float64{
	"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
	"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40,
}

var durationUnitsMs = map[string]float64{
	"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000,
}

// parseBytes takes 2GiB, 512Mi, 1.5G, 1000.
func parseBytes(text string) (float64, bool) { return parseQuantity(text, byteUnits) }

// parseDurationMs takes 90s, 5m, 1.5h, 250ms, and no bare number.
func parseDurationMs(text string) (float64, bool) { return parseQuantity(text, durationUnitsMs) }

func parseQuantity(text string, units map[string]float64) (float64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	at := 0
	isDigit := func(i int) bool { return i < len(text) && text[i] >= '0' && text[i] <= '9' }
	digits := func() bool {
		from := at
		for isDigit(at) {
			at++
		}
		return at > from
	}
	if !digits() {
		return 0, false
	}
	if at < len(text) && text[at] == '.' && isDigit(at+1) {
		at++
		digits()
	}
	if at < len(text) && text[at] == 'e' && isDigit(at+1) {
		at++
		digits()
	}
	unit, known := units[strings.TrimSpace(text[at:])]
	number, err := strconv.ParseFloat(text[:at], 64)
	return number * unit, known && err == nil
}

// parsePlainNumber takes a finite number without a unit.
func parsePlainNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	// Go reads words and underscores as well.
	if strings.ContainsAny(text, "_iInNxXpP") {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil && !math.IsInf(number, 0)
}

// parseNumber takes one that may be negative or carry a unit of bytes.
func parseNumber(text string) (float64, bool) {
	if number, ok := parsePlainNumber(text); ok {
		return number, true
	}
	return parseBytes(text)
}
