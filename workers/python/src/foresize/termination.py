"""SIGTERM in a process of multiprocessing: a pool that ends sends it as soon as it has the results, often before they
have told what they used.

From the end of an execution to the next start it is heeded after the flush. A task that runs is ended at once, as ever:
a handler would wait for what runs in C.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from typing import Any, Callable, List, Optional

from foresize.own_threads import own_thread

_longest_s = 1.0
"""What the main thread runs in C, after an execution, may go on so long; then the process is killed."""

_alarm: "Optional[_Alarm]" = None
_flush: Callable[[], object] = lambda: None


def flush_with(flush: Callable[[], object]) -> None:
    global _flush
    _flush = flush


def hold() -> None:
    """What the program has set itself stays."""
    global _alarm
    if not _may_change() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    if _alarm is None:
        _alarm = _Alarm()
    if _alarm.is_set():
        signal.signal(signal.SIGTERM, _end)


def release() -> None:
    if _may_change() and signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def deferred(act: Callable[[], object]) -> None:
    """Does it, and heeds a SIGTERM that comes meanwhile after it."""
    received: List[int] = []
    try:
        before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    except ValueError:
        # Signals belong to the main thread.
        act()
        return
    try:
        act()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
        if received:
            os.kill(os.getpid(), signal.SIGTERM)


def _may_change() -> bool:
    in_child = multiprocessing.parent_process() is not None
    return in_child and threading.current_thread() is threading.main_thread()


def _end(number: int, _: object) -> None:
    if _alarm is not None:
        _alarm.was_heard.set()
    deferred(_flush)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


class _Alarm:
    """Wakes the main thread: a signal that comes just before it begins to wait would be heeded after the wait."""

    def __init__(self) -> None:
        self.was_heard = threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        threading.Thread(target=self._watch, name="foresize-termination", daemon=True).start()

    def is_set(self) -> bool:
        """False where the program has an alarm of its own."""
        before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        if before not in (-1, self._write):
            signal.set_wakeup_fd(before)
        return before in (-1, self._write)

    def forget(self) -> None:
        before = signal.set_wakeup_fd(-1)
        if before != self._write:
            signal.set_wakeup_fd(before)
        os.close(self._write)
        os.close(self._read)

    def _watch(self) -> None:
        with own_thread():
            while signal.SIGTERM not in os.read(self._read, 4096) or signal.getsignal(signal.SIGTERM) is not _end:
                pass
            end_s = time.monotonic() + _longest_s
            while not self.was_heard.wait(0.02):
                if time.monotonic() > end_s:
                    os.kill(os.getpid(), signal.SIGKILL)
                signal.pthread_kill(_main_thread_id(), signal.SIGTERM)


def _main_thread_id() -> int:
    identifier = threading.main_thread().ident
    assert identifier is not None
    return identifier


def _forget() -> None:
    """A fork has signals of its own, and not the thread that watches."""
    global _alarm
    if _alarm is not None:
        _alarm.forget()
        _alarm = None
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
