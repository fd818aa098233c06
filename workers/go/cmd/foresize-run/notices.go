//go:build linux

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// notice is a Notice: what to know before trusting an answer.
type notice struct {
	kind, dimension uint64
	subject         string
	number          float64
	nearest         []string
}

// Kinds of notices.
const (
	beyondRange = iota + 1
	unknownFeature
	missingFeature
	unknownLabel
	missingLabel
	unknownTask
	fewExecutions
	staleView
	clamped
)

func decodeNotice(encoded []byte) (n notice) {
	fields(encoded, func(number protowire.Number, bits uint64, value []byte) {
		switch number {
		case 1:
			n.kind = bits
		case 2:
			n.subject = string(value)
		case 3:
			n.number = math.Float64frombits(bits)
		case 4:
			n.nearest = append(n.nearest, string(value))
		case 5:
			n.dimension = bits
		}
	})
	return n
}

// text is the notice as a person reads it, in the words of cli/notice-text.ts; empty for a kind newer than this program.
func (n notice) text(task string) string {
	meant := ""
	if len(n.nearest) > 0 {
		meant = ": did you mean " + strings.Join(n.nearest, " or ") + "?"
	}
	switch n.kind {
	case beyondRange:
		return n.beyondText()
	case unknownFeature:
		return n.subject + " is not a feature of " + task + meant
	case unknownLabel:
		return n.subject + " is not a label of " + task + meant
	case missingFeature:
		return "every execution of " + task + " had the feature " + n.subject + ", and this one lacks it"
	case missingLabel:
		return "every execution of " + task + " had the label " + n.subject + ", and this one lacks it"
	case unknownTask:
		return task + " was never seen" + meant
	case fewExecutions:
		if n.number == 1 {
			return "only 1 execution was learned from"
		}
		return "only " + executions(n.number) + " were learned from"
	case staleView:
		return "the estimator last heard from the profiler " + formatDuration(n.number) + " ago"
	case clamped:
		return n.clampedText()
	}
	return ""
}

func times(number float64) string {
	if number < 1.005 {
		return "just above"
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(number, 'g', 3, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64) + " ×"
}

// dimensionTitles is by Dimension; the first is of none.
var dimensionTitles = [...]string{"the amount", "cpu", "memory", "disk", "gpu memory", "time"}

func (n notice) beyondText() string {
	learned := "seen"
	if n.dimension > 0 && n.dimension < uint64(len(dimensionTitles)) {
		learned = "that " + dimensionTitles[n.dimension] + " was learned from"
	}
	return n.subject + " is " + times(n.number) + " the largest " + learned
}

func (n notice) clampedText() string {
	if n.dimension >= uint64(len(dimensionTitles)) {
		return ""
	}
	before := formatBytes(n.number)
	switch n.dimension {
	case 0:
		before = strconv.FormatFloat(n.number, 'f', -1, 64)
	case 1:
		before = significant(n.number)
	case 5:
		before = formatDuration(n.number)
	}
	return dimensionTitles[n.dimension] + " would be " + before + " without its bounds"
}

func executions(number float64) string {
	if number == 1 {
		return "1 execution"
	}
	return fmt.Sprintf("%.0f executions", number)
}
