"""SIGTERM in a process of multiprocessing: a pool that ends sends it as soon as it has the results, often before they
have told what they used.

From the end of an execution to the next start it is heeded after the flush. A task that runs is ended at once, as ever:
a handler would wait for what runs in C.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Callable, List, Optional

from foresize.own_threads import own_thread

_longest_in_c_s = 1.0
"""What the main thread runs in C, after an execution, is waited for so long; then another thread flushes."""

log = logging.getLogger("foresize")

_alarm: "Optional[_Alarm]" = None
_kill_s: Optional[float] = None
"""SIGTERM is heeded: when whatever hinders the flush has had its time."""
_flush: Callable[[], object] = lambda: None
_deadline_s: Callable[[], float] = lambda: 0.0

_get_c_handler = ctypes.pythonapi.PyOS_getsig
_get_c_handler.restype = ctypes.c_void_p
_get_c_handler.argtypes = (ctypes.c_int,)
_set_c_handler = ctypes.pythonapi.PyOS_setsig
_set_c_handler.restype = ctypes.c_void_p
_set_c_handler.argtypes = (ctypes.c_int, ctypes.c_void_p)
"""The kernel's handler, None for the default: `signal.getsignal` does not know of those that are not Python's, and
`signal.signal` belongs to the main thread."""


def flush_with(flush: Callable[[], object], deadline_s: Callable[[], float]) -> None:
    global _flush, _deadline_s
    _flush, _deadline_s = flush, deadline_s


def hold() -> None:
    """What the program has set itself stays, be it in Python or in C."""
    global _alarm
    if not _may_change():
        return
    handler = signal.getsignal(signal.SIGTERM)
    is_default = not _get_c_handler(signal.SIGTERM)
    if handler is not _end and (handler is not signal.SIG_DFL or not is_default):
        return
    try:
        if _alarm is None:
            _alarm = _Alarm()
        if _alarm.set() and is_default:
            signal.signal(signal.SIGTERM, _end)
    except Exception:  # noqa: BLE001 - the task must not notice
        log.debug("SIGTERM will not wait for a flush", exc_info=True)


def release() -> None:
    if _alarm is None or not _may_change() or signal.getsignal(signal.SIGTERM) is not _end:
        return
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _alarm.unset()
    except Exception:  # noqa: BLE001 - the task must not notice
        log.debug("SIGTERM may wait for a flush", exc_info=True)


def deferred(act: Callable[[], object]) -> None:
    """Does it, and heeds a SIGTERM that comes meanwhile after it. Nothing is held after that: this is the exit."""
    received: List[int] = []
    c_handler = _get_c_handler(signal.SIGTERM)
    try:
        before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    except ValueError:
        # Signals belong to the main thread.
        act()
        return
    try:
        act()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before in (None, _end) else before)
        if before in (None, signal.SIG_DFL):
            _set_c_handler(signal.SIGTERM, c_handler)
        if received:
            os.kill(os.getpid(), signal.SIGTERM)


may_hold = sys.platform == "linux" and sys.version_info >= (3, 10)
"""Elsewhere a process that multiprocessing spawns is at first a fork that runs no hook of ours: ended then, it would wake us."""


def _may_change() -> bool:
    in_child = may_hold and multiprocessing.parent_process() is not None
    return in_child and threading.current_thread() is threading.main_thread()


def _end(_number: int, _: object) -> None:
    """More of them may come meanwhile, in the midst of this too: so it takes no lock of its own."""
    if not _heed():
        return
    try:
        if _alarm is not None:
            _alarm.ring()
    finally:
        _flush_and_die()


def _heed() -> bool:
    """False where another has done so."""
    global _kill_s
    if _kill_s is not None:
        return False
    _kill_s = time.monotonic() + _deadline_s() + 1
    return True


def _flush_and_die() -> None:
    try:
        _flush()
    finally:
        _die()


def _die() -> None:
    _set_c_handler(signal.SIGTERM, None)
    os.kill(os.getpid(), signal.SIGTERM)


def _in_thread(act: Callable[[], object]) -> None:
    threading.Thread(target=act, name="foresize-termination", daemon=True).start()


def _write(descriptor: int, data: bytes) -> None:
    try:
        os.write(descriptor, data)
    except OSError:
        pass


class _Alarm:
    """Ends the process where the main thread cannot: it is in C, or waits for what never comes."""

    def __init__(self) -> None:
        self._is_set = False
        self._displaced = -1
        self._read, self._write = os.pipe()
        try:
            os.set_blocking(self._write, False)
            _in_thread(self._watch)
        except BaseException:
            os.close(self._write)
            os.close(self._read)
            raise

    def set(self) -> bool:
        """False where the program has a wakeup file descriptor of its own: what came between goes there."""
        before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._is_set = before in (-1, self._write)
        self._displaced = -1 if self._is_set else before
        if not self._is_set:
            signal.set_wakeup_fd(before)
        return self._is_set

    def unset(self) -> None:
        if self.set():
            signal.set_wakeup_fd(-1)
        self._is_set = False

    def ring(self) -> None:
        _write(self._write, bytes([signal.SIGTERM]))

    def forget(self) -> None:
        before = signal.set_wakeup_fd(-1)
        if before not in (-1, self._write):
            signal.set_wakeup_fd(before)
        os.close(self._write)
        os.close(self._read)

    def _watch(self) -> None:
        with own_thread():
            while self._next_is_ours():
                end_s = time.monotonic() + _longest_in_c_s
                while _kill_s is None and time.monotonic() < end_s:
                    time.sleep(0.02)
                if _kill_s is None and not self._is_ours():
                    continue
                if _heed():
                    # It may come to wait for a lock, as the main thread's may.
                    _in_thread(_flush_and_die)
                while _kill_s is None or time.monotonic() < _kill_s:
                    time.sleep(0.1)
                _die()

    def _next_is_ours(self) -> bool:
        """Waits for it; False where the program has closed what it is waited for with."""
        while True:
            try:
                numbers = os.read(self._read, 4096)
            except OSError:
                return False
            if not numbers:
                return False
            if self._displaced != -1:
                _write(self._displaced, numbers)
            if signal.SIGTERM in numbers and (_kill_s is not None or self._is_ours()):
                return True

    def _is_ours(self) -> bool:
        """Or it came just as it was released: Python forgets it then."""
        handler = signal.getsignal(signal.SIGTERM)
        return handler is _end or (handler is signal.SIG_DFL and not self._is_set)


_c_handler_at_fork: Optional[int] = None


def _before_fork() -> None:
    """A fork that is ended before it has run any Python is ended at once, and wakes nobody here."""
    global _c_handler_at_fork
    _c_handler_at_fork = None
    if _alarm is not None and signal.getsignal(signal.SIGTERM) is _end:
        _c_handler_at_fork = _set_c_handler(signal.SIGTERM, None)


def _after_fork_in_parent() -> None:
    """Elsewhere than in the main thread it may have changed meanwhile: it stays at once until the next end."""
    if _c_handler_at_fork is not None and threading.current_thread() is threading.main_thread():
        _set_c_handler(signal.SIGTERM, _c_handler_at_fork)


def _after_fork_in_child() -> None:
    """A fork has signals of its own, and not the thread that watches."""
    global _alarm, _kill_s
    _kill_s = None
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if _alarm is not None:
        alarm, _alarm = _alarm, None
        alarm.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
