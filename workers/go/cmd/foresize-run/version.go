//go:build linux

package main

import (
	"runtime/debug"
	"strings"
)

// version is that of package.json, which scripts/build-go.sh puts here. Empty where `go install` has built it.
var version string

// versionOf is the release's number, or what Go knows of the module where it was built without ours.
func versionOf() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return "unknown"
}
