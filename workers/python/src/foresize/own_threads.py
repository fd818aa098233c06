"""CPU time of this package's own threads, which is not the task's."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import Dict, Iterator

_lock = threading.Lock()
_running: Dict[int, float] = {}
"""Thread id → its CPU seconds when last read."""
_ended_s = 0.0


@contextmanager
def own_thread() -> Iterator[None]:
    """Around what a thread of this package does until it ends."""
    global _ended_s
    tid = threading.get_native_id()
    with _lock:
        _running[tid] = 0.0
    try:
        yield
    finally:
        with _lock:
            _ended_s += _running.pop(tid, 0.0) if threading.get_native_id() != tid else time.thread_time()
            _running.pop(tid, None)


def own_cpu_seconds() -> float:
    """So far, of those that have ended too. Never falls. 0 where a thread's clock cannot be read by another."""
    global _ended_s
    if sys.platform != "linux":
        return 0.0
    with _lock:
        for tid in list(_running):
            try:
                # The clock of a thread by its id. Source: kernel, include/linux/posix-timers.h.
                _running[tid] = time.clock_gettime((~tid << 3) | 6)
            except OSError:
                _ended_s += _running.pop(tid)
        return _ended_s + sum(_running.values())


def _forget() -> None:
    global _lock, _ended_s
    _lock = threading.Lock()
    _running.clear()
    _ended_s = 0.0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
