"""Whether the kernel killed for want of memory meanwhile.

cgroup v2 says so of our own group and all below it. With v1, and at the root, only the host's own count includes every
group below ours. Source: kernel, admin-guide/cgroup-v2, cgroup-v1/memory; /proc/vmstat.
"""

from __future__ import annotations

from typing import Optional


class OomWatch:
    """Counts from its creation on."""

    def __init__(self) -> None:
        self._events_path = _own_events_path()
        self._before = self._count()

    def kills(self) -> int:
        """Processes killed for memory since; 0 where the kernel does not say."""
        now = self._count()
        return 0 if now is None or self._before is None else now - self._before

    def _count(self) -> Optional[int]:
        if self._events_path is not None:
            return _keyed(self._events_path, "oom_kill")
        return _keyed("/proc/vmstat", "oom_kill")


def _own_events_path() -> Optional[str]:
    """memory.events of our own cgroup, None with v1 or at the root of v2."""
    try:
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("0::"):
            path = f"/sys/fs/cgroup{line[3:].rstrip('/')}/memory.events"
            return path if _keyed(path, "oom_kill") is not None else None
    return None


def _keyed(path: str, key: str) -> Optional[int]:
    """The value after `key` in a flat keyed file."""
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(key + " "):
                    return int(line[len(key) + 1 :])
    except (OSError, ValueError):
        return None
    return None
