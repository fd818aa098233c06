"""Workers and the life of their process: before, in and after a fork, and at the exit."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import time
import weakref
from multiprocessing import util
from typing import TYPE_CHECKING, Tuple

from foresize import connection, termination
from foresize.session import leak

if TYPE_CHECKING:
    from foresize.worker import Worker

workers: "weakref.WeakSet[Worker]" = weakref.WeakSet()
_at_fork: Tuple[Worker, ...] = ()
_must_relay = connection.endangers_forks
_is_cut_off = False


def must_relay() -> bool:
    """gRPC must not be used here, or cannot be: this is a fork of a process that has used it."""
    return _must_relay


def is_cut_off() -> bool:
    """This is a fork of a process that has used gRPC: what it inherited of it would never answer."""
    return _is_cut_off


def _before_fork() -> None:
    global _at_fork
    _at_fork = tuple(workers)
    for worker in _at_fork:
        worker._changed.acquire()


def _after_fork_in_parent() -> None:
    global _at_fork
    for worker in _at_fork:
        worker._changed.release()
    _at_fork = ()


def _after_fork_in_child() -> None:
    """What the parent holds is the parent's to report: the child begins anew."""
    global _at_fork, _must_relay, _is_cut_off
    _is_cut_off = _is_cut_off or connection.was_used
    _must_relay = _must_relay or _is_cut_off
    _follow_celery()
    for worker in _at_fork:
        # gRPC's objects cannot be let go here: their locks may be held by threads that are not.
        leak(worker._session)
        worker._generation += 1
        worker._begin()
    _at_fork = ()


def _at_exit() -> None:
    termination.deferred(_close_all)


def _exit_deadline_s() -> float:
    return max((worker._exit_deadline_ms / 1000 for worker in tuple(workers)), default=0.0)


def _close_all() -> None:
    deadline_s = time.monotonic() + _exit_deadline_s()
    for worker in tuple(workers):
        worker._session.is_hurried = True
        worker.close(max(0.0, (deadline_s - time.monotonic()) * 1000))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )


_follows_celery = False


def _follow_celery() -> None:
    """Celery's children end by os._exit, which runs nothing of ours: it has a signal before that."""
    global _follows_celery
    signals = sys.modules.get("celery.signals")
    if signals is None or _follows_celery:
        return
    _follows_celery = True
    signals.worker_process_shutdown.connect(lambda **_: _at_exit(), weak=False)


class _Exit:
    """A process of multiprocessing ends without atexit, and forgets at its start what its parent had registered."""

    def register(self) -> None:
        util.Finalize(None, _at_exit, exitpriority=10)


_follow_celery()
termination.flush_with(_close_all, _exit_deadline_s)
_exit = _Exit()
atexit.register(_at_exit)
util.register_after_fork(_exit, _Exit.register)
if multiprocessing.parent_process() is not None:
    _exit.register()
