package measure

import (
	"path/filepath"
	"slices"
)

// daemonClients only ask a daemon to run something: the work is a child of the daemon's, not theirs. By the words that
// ask for it, none where any does.
var daemonClients = map[string][]string{
	"docker": {"run", "exec", "start", "compose"}, "nerdctl": {"run", "exec", "start", "compose"},
	"podman": {"run", "exec", "start", "compose"}, "kubectl": {"run", "exec", "create", "apply"},
	"srun": {}, "sbatch": {}, "salloc": {}, "qsub": {}, "bsub": {}, "condor_submit": {}, "ssh": {}, "systemd-run": {},
}

// DaemonClient is what the command is called where it is one, else empty.
func DaemonClient(command []string) string {
	if len(command) == 0 {
		return ""
	}
	name := filepath.Base(command[0])
	verbs, isClient := daemonClients[name]
	if isClient && len(verbs) == 0 {
		return name
	}
	for _, word := range command[1:] {
		if slices.Contains(verbs, word) {
			return name + " " + word
		}
	}
	return ""
}
