"""Programs that only ask a daemon to run something: the work is a child of the daemon's, not theirs."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence, Tuple, Union

_containers = ("run", "exec", "start", "compose")

_clients: Dict[str, Tuple[str, ...]] = {
    "docker": _containers,
    "nerdctl": _containers,
    "podman": _containers,
    "kubectl": ("run", "exec", "create", "apply"),
    "srun": (),
    "sbatch": (),
    "salloc": (),
    "qsub": (),
    "bsub": (),
    "condor_submit": (),
    "ssh": (),
    "systemd-run": (),
}
"""By the words that ask for it; none where any does."""


def daemon_client(args: "Sequence[Union[str, os.PathLike[str]]]") -> Optional[str]:
    """What the command is called where it is one."""
    words = [os.fspath(each) for each in args]
    name = os.path.basename(words[0]) if words else ""
    verbs = _clients.get(name)
    if verbs is None:
        return None
    if not verbs:
        return name
    return next((f"{name} {word}" for word in words[1:] if word in verbs), None)
