//go:build linux

package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	usage            = "run --task NAME [options] -- COMMAND [ARGUMENT]…"
	defaultProfiler  = "127.0.0.1:7070"
	defaultEstimator = "127.0.0.1:7071"
)

// options is a command line that was read.
type options struct {
	help, version, size, enforce, verbose bool
	command                               []string
	task, namespace, executionID          string
	attempt                               uint64
	features                              map[string]float64
	labels                                map[string]string
	explicit                              resources
	// Nil where the command line does not say.
	givenOverheadBytes           *float64
	overheadBytes                float64
	estimateToken                []byte
	profiler, estimator          string
	security                     security
	spool                        string
	sampleInterval, reportWithin time.Duration
}

// option is one of the command line: of words where it has a value to name, else a switch.
type option struct {
	name, short, value, description string
	isRepeated                      bool
}

var allOptions = []option{
	{name: "task", value: "NAME", description: "what kind of work it is, for example align/bwa"},
	{name: "feature", value: "KEY=NUMBER", isRepeated: true, description: "a number known before the run"},
	{name: "label", value: "KEY=TEXT", isRepeated: true, description: "a word known before the run"},
	{name: "memory", value: "BYTES", description: "memory that it is given, for example 2GiB"},
	{name: "cpu", value: "CORES", description: "CPU that it is given, for example 1.5"},
	{name: "time", value: "TIME", description: "run time that it is given, for example 90s or 5m"},
	{name: "disk", value: "BYTES", description: "scratch disk that it is given"},
	{name: "gpu-memory", value: "BYTES", description: "GPU memory that it is given"},
	{name: "overhead", value: "BYTES", description: "memory of what wraps it under the same limit: added to what is learned (default: what the estimator adds, with --size)"},
	{name: "size", description: "ask the estimator first (at most 250 ms) and give it the answer, in $FORESIZE_MEMORY_BYTES and so on"},
	{name: "enforce", description: "stop it above the memory and the time that it is given"},
	{name: "attempt", value: "N", description: "which attempt it is, from 1"},
	{name: "execution-id", value: "ID", description: "by which others can tell how it ended (default $FORESIZE_EXECUTION_ID, else random)"},
	{name: "estimate-token", value: "TEXT", description: "of the estimate that it was sized by, base64, so that it is scored (default $FORESIZE_ESTIMATE_TOKEN)"},
	{name: "profiler", value: "ADDRESS", description: "where the profiler is (default $FORESIZE_PROFILER, else " + defaultProfiler + ")"},
	{name: "estimator", value: "ADDRESS", description: "where the estimator is (default $FORESIZE_ESTIMATOR, else " + defaultEstimator + ")"},
	{name: "namespace", value: "NAME", description: `tenant (default "default")`},
	{name: "ca", value: "FILE", description: "trust this PEM certificate, and use TLS"},
	{name: "cert", value: "FILE", description: "client certificate, PEM"},
	{name: "key", value: "FILE", description: "the certificate's key, PEM"},
	{name: "token-file", value: "FILE", description: "holds the bearer token (default $FORESIZE_TOKEN_FILE, else $FORESIZE_TOKEN)"},
	{name: "sample-interval", value: "TIME", description: "longest time between samples (default 1s)"},
	{name: "report-within", value: "TIME", description: "longest wait at the end (default 1s)"},
	{name: "spool", value: "FOLDER", description: "keep there what cannot be sent; the next run sends it (default $FORESIZE_SPOOL)"},
	{name: "verbose", short: "v", description: "say on standard error what was measured"},
	{name: "help", short: "h", description: "show this"},
	{name: "version", description: "show which version this is"},
}

func help() string {
	var text strings.Builder
	text.WriteString(`Runs a command, measures its whole process tree and reports it to the profiler.

Usage: foresize ` + usage + `

The command's streams, signals and exit code are its own. Where the profiler cannot be reached, or refuses what is
reported, the command runs all the same, ends later by no more than --report-within, and one line on standard error says
so at the end.

  foresize run --task sort --feature input_bytes=$(stat -c %s big.txt) -- sort -o sorted.txt big.txt

Options:
`)
	width := 0
	flags := make([]string, len(allOptions))
	for i, each := range allOptions {
		flags[i] = "    --" + each.name
		if each.short != "" {
			flags[i] = "-" + each.short + ", --" + each.name
		}
		if each.value != "" {
			flags[i] += " " + each.value
		}
		width = max(width, len(flags[i]))
	}
	for i, each := range allOptions {
		repeated := ""
		if each.isRepeated {
			repeated = " (may be repeated)"
		}
		fmt.Fprintf(&text, "  %-*s  %s%s\n", width, flags[i], each.description, repeated)
	}
	return text.String()
}

// given is the command line as words, by option.
type given map[string][]string

func (g given) text(name string) string {
	if values := g[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

func parseOptions(args []string) (*options, error) {
	words, command, err := split(args)
	if err != nil {
		return nil, err
	}
	first := func(name, variable, fallback string) string {
		for _, value := range []string{words.text(name), os.Getenv(variable), fallback} {
			if value != "" {
				return value
			}
		}
		return ""
	}
	o := &options{
		help: words["help"] != nil, version: words["version"] != nil, size: words["size"] != nil, enforce: words["enforce"] != nil,
		verbose: words["verbose"] != nil, command: command, task: words.text("task"),
		namespace:   first("namespace", "", "default"),
		executionID: first("execution-id", "FORESIZE_EXECUTION_ID", ""),
		profiler:    first("profiler", "FORESIZE_PROFILER", defaultProfiler),
		estimator:   first("estimator", "FORESIZE_ESTIMATOR", defaultEstimator),
		spool:       first("spool", "FORESIZE_SPOOL", ""),
		labels:      map[string]string{}, features: map[string]float64{},
	}
	if o.help || o.version {
		return o, nil
	}
	o.security = securityOf(words)
	r := reader{words: words}
	if o.task == "" {
		r.fail("--task is required")
	}
	o.attempt = uint64(r.whole("attempt", 1, 1000))
	for key, value := range r.pairs("feature") {
		number, ok := parseNumber(value)
		if !ok {
			r.fail("--feature %s=%s: must be a number", key, value)
		}
		o.features[key] = number
	}
	o.labels = r.pairs("label")
	o.explicit = resources{
		memoryBytes:    r.bytes("memory", "2GiB", 1e16),
		cpuCores:       r.number("cpu", 1e6),
		durationMs:     r.duration("time", "90s", 1e12),
		diskBytes:      r.bytes("disk", "10GiB", 1e18),
		gpuMemoryBytes: r.bytes("gpu-memory", "8GiB", 1e16),
	}
	if o.givenOverheadBytes = r.bytes("overhead", "200MB", 1e16); o.givenOverheadBytes != nil {
		o.overheadBytes = *o.givenOverheadBytes
	}
	if o.estimateToken, err = base64.StdEncoding.DecodeString(first("estimate-token", "FORESIZE_ESTIMATE_TOKEN", "")); err != nil {
		r.fail("--estimate-token: must be base64, as foresize estimate prints it")
	}
	o.reportWithin = r.span("report-within", "2s")
	o.sampleInterval = r.span("sample-interval", "500ms")
	if r.err == nil && len(command) == 0 {
		r.fail("there is no command; put it after --")
	}
	return o, r.err
}

// isNegative tells `-5`, a value, from an option.
func isNegative(word string) bool {
	rest := strings.TrimPrefix(strings.TrimPrefix(word, "-"), ".")
	return rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// split tells options from the command: an option's value is its next word, or what follows its equals sign.
func split(args []string) (given, []string, error) {
	words, command := given{}, []string{}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			return words, append(command, args[i+1:]...), nil
		}
		if len(word) < 2 || word[0] != '-' {
			command = append(command, word)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		found := find(word, name)
		switch {
		case found == nil:
			return nil, nil, fmt.Errorf("there is no option %s", strings.SplitN(word, "=", 2)[0])
		case found.value == "" && hasValue:
			return nil, nil, fmt.Errorf("--%s takes no value", found.name)
		case found.value == "":
			words[found.name] = append(words[found.name], "")
			continue
		case !hasValue:
			if i++; i == len(args) || strings.HasPrefix(args[i], "-") && len(args[i]) > 1 && !isNegative(args[i]) {
				return nil, nil, fmt.Errorf("--%s needs a value", found.name)
			}
			value = args[i]
		}
		words[found.name] = append(words[found.name], value)
	}
	return words, command, nil
}

func find(word, name string) *option {
	for i, each := range allOptions {
		if strings.HasPrefix(word, "--") && each.name == name || each.short != "" && word == "-"+each.short {
			return &allOptions[i]
		}
	}
	return nil
}

// reader reads options that have a form, and keeps the first that is wrong.
type reader struct {
	words given
	err   error
}

func (r *reader) fail(format string, values ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, values...)
	}
}

// quantity is nil where the option is not given.
func (r *reader) quantity(name string, parse func(string) (float64, bool), most float64, expected string) *float64 {
	if r.words[name] == nil {
		return nil
	}
	text := r.words.text(name)
	value, ok := parse(text)
	if !ok || value < 0 || value > most {
		r.fail("--%s %s: must be %s", name, text, expected)
	}
	return &value
}

func (r *reader) bytes(name, example string, most float64) *float64 {
	return r.quantity(name, parseBytes, most, "like "+example+", at most "+formatBytes(most))
}

func (r *reader) duration(name, example string, most float64) *float64 {
	return r.quantity(name, parseDurationMs, most, "like "+example+", at most "+formatDuration(most))
}

func (r *reader) number(name string, most float64) *float64 {
	return r.quantity(name, parsePlainNumber, most, fmt.Sprintf("a number from 0 to %.0f", most))
}

func (r *reader) whole(name string, least, most float64) float64 {
	parse := func(text string) (float64, bool) {
		value, ok := parsePlainNumber(text)
		return value, ok && value >= least && value == float64(int64(value))
	}
	if value := r.quantity(name, parse, most, fmt.Sprintf("a whole number from %.0f to %.0f", least, most)); value != nil {
		return *value
	}
	return least
}

// span is a second where the option is not given.
func (r *reader) span(name, example string) time.Duration {
	const longestMs = 1e12
	if ms := r.quantity(name, parseDurationMs, longestMs, "like "+example); ms != nil {
		return time.Duration(*ms * float64(time.Millisecond))
	}
	return time.Second
}

func (r *reader) pairs(name string) map[string]string {
	pairs := map[string]string{}
	for _, pair := range r.words[name] {
		key, value, _ := strings.Cut(pair, "=")
		if key == "" || !strings.Contains(pair, "=") {
			r.fail("--%s %s: must be KEY=VALUE", name, pair)
		}
		pairs[key] = value
	}
	return pairs
}
