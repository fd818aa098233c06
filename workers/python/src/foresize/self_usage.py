"""What the current process uses from one moment to another.

CPU is that of the process, without this package's own threads, and of the children it waited for; where another
measurement overlaps in another thread, that of the thread alone: two at once would each be given both. Memory is the peak of the process's resident
set, the interpreter included, as a container that runs the task has to hold it; children begun meanwhile are added as
sampled.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Optional, Set, Tuple

from foresize import procfs
from foresize.own_threads import own_cpu_seconds
from foresize.process_tree import ProcessTree, TreeUsage
from foresize.resources import Resources

try:
    import resource
except ImportError:  # pragma: no cover - not a POSIX system
    resource = None  # type: ignore[assignment]

_lock = threading.RLock()
_active: Set["SelfUsage"] = set()

rss_unit = 1 if sys.platform == "darwin" else 1024
"""Bytes in a unit of ru_maxrss."""


class SelfUsage:
    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._is_shared = False
        self._tree = ProcessTree(os.getpid(), leave_out_present=_has_children())
        self._tree_peak_bytes = 0.0
        self.peak_bytes = 0.0
        with _lock:
            # The mark is the process's: before it is set back, those under way take what it shows.
            for other in _active:
                other._observe()
                if other._thread != self._thread:
                    other._is_shared = self._is_shared = True
            self._is_reset = procfs.reset_peak()
            self._highest_before = _highest_bytes()
            _active.add(self)
        self._children_before = _children()
        self._cpu_before = _cpu_seconds()
        self._thread_before = time.thread_time()
        self._started_s = time.monotonic()

    def read(self) -> Optional[TreeUsage]:
        """For the sampler: the process and its children as they are now."""
        tree = self._tree.read() if _has_children() else None
        with _lock:
            resident_bytes = self._observe()
        memory_bytes = resident_bytes if tree is None else tree.memory_bytes
        self._tree_peak_bytes = max(self._tree_peak_bytes, memory_bytes)
        return TreeUsage(
            _cpu_seconds() - self._cpu_before, memory_bytes, max(self.peak_bytes, self._tree_peak_bytes)
        )

    def stop(self) -> Resources:
        """What was used since the beginning."""
        duration_s = time.monotonic() - self._started_s
        cpu_seconds = _cpu_seconds() - self._cpu_before
        in_own_thread = threading.get_ident() == self._thread
        if self._is_shared and in_own_thread:
            cpu_seconds = time.thread_time() - self._thread_before
        with _lock:
            self._observe()
            _active.discard(self)
        children_bytes, children_before = _children()[1], self._children_before[1]
        if children_bytes > children_before:
            self._tree_peak_bytes = max(self._tree_peak_bytes, children_bytes)
        return Resources(
            cpu_cores=None if duration_s <= 0 else max(0.0, cpu_seconds) / duration_s,
            memory_bytes=max(self.peak_bytes, self._tree_peak_bytes) or None,
            duration_ms=duration_s * 1000,
        )

    def _observe(self) -> float:
        """Takes what the mark shows. Returns what is resident now, as far as that is known."""
        memory = procfs.read_memory()
        if memory is not None:
            self.peak_bytes = max(self.peak_bytes, memory.peak_bytes if self._is_reset else memory.resident_bytes)
        if not self._is_reset:
            highest = _highest_bytes()
            # A mark that cannot be set back counts only where it rose.
            if highest > self._highest_before or memory is None:
                self.peak_bytes = max(self.peak_bytes, highest)
        return self.peak_bytes if memory is None else float(memory.resident_bytes)


def _forget() -> None:
    global _lock
    _lock = threading.RLock()
    _active.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _has_children() -> bool:
    """Running, or ended and not yet waited for."""
    if not hasattr(os, "waitid"):
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    except ChildProcessError:
        return False


def _cpu_seconds() -> float:
    return time.process_time() - own_cpu_seconds() + _children()[0]


def _children() -> Tuple[float, float]:
    """CPU seconds, and the bytes of the largest, of the children that were waited for."""
    if resource is None:
        return (0.0, 0.0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime, float(used.ru_maxrss * rss_unit))


def _highest_bytes() -> float:
    if resource is None:
        return 0.0
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * rss_unit)
