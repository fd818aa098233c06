"""Runs one command and measures it: wait4's rusage of it and of all it waited for, and samples of its tree.

ru_maxrss is that of the largest single process, and never below what this process held when it started the command:
where it is no higher than that, the peak is the highest that the samples saw, and unknown where they saw nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, Any, Callable, List, Mapping, Optional, Sequence, Tuple, Union

from foresize import procfs
from foresize.oom import OomWatch
from foresize.process_tree import ProcessTree
from foresize.resources import Outcome, Resources, Source
from foresize.sampler import sampler
from foresize.samples import UsageSample
from foresize.self_usage import rss_unit

counter_drift = 0.02
"""The kernel's counters of one and the same peak differ by this much: it sums them per CPU, lazily."""

Argument = Union[str, "os.PathLike[str]"]
Stream = Union[None, int, IO[Any]]


@dataclass(frozen=True)
class CommandResult:
    args: Sequence[Argument]
    returncode: int
    """Negative: ended by that signal."""
    outcome: Outcome
    used: Resources
    source: Source
    """Who measured the memory; `unknown`: nobody could, and `used.memory_bytes` is None."""
    stdout: Optional[bytes] = None
    stderr: Optional[bytes] = None


def run_command(
    args: Sequence[Argument],
    *,
    on_start: Callable[[], Callable[[UsageSample], None]],
    cwd: "Optional[Argument]" = None,
    env: Optional[Mapping[str, str]] = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    input: Optional[bytes] = None,
    capture_output: bool = False,
    time_limit_ms: Optional[float] = None,
    kill_grace_ms: float = 5000,
    interval_ms: float = 1000,
) -> CommandResult:
    """As subprocess.run: raises OSError where the command cannot be started. `on_start` is called once it has, and gives
    what takes its samples. On an exception here, KeyboardInterrupt for one, the command is killed and waited for, and the
    exception goes on."""
    if capture_output:
        stdout = stderr = subprocess.PIPE
    watch = OomWatch()
    floor = procfs.read_memory()
    started_s = time.monotonic()
    process = subprocess.Popen(
        args,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE if input is not None else stdin,
        stdout=stdout,
        stderr=stderr,
    )
    tree = ProcessTree(process.pid)
    sampling = sampler().start(tree.read, on_start(), interval_ms, first_ms=5, dense_ms=1000)
    stop = _Stop(process.pid, kill_grace_ms)
    pumps = _pump(process, input)
    if time_limit_ms is not None:
        stop.at(time_limit_ms)
    try:
        # It stays until wait4: a signal at the time limit cannot reach another of the same pid.
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            stop.disarm()
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        duration_s = time.monotonic() - started_s
        stop.disarm()
        sampling.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    captured = [pump() for pump in pumps]
    memory_bytes, source = _peak(
        float(used.ru_maxrss * rss_unit), 0.0 if floor is None else float(floor.peak_bytes), tree.peak_bytes
    )
    cpu_seconds = used.ru_utime + used.ru_stime
    return CommandResult(
        args=args,
        returncode=process.returncode,
        outcome=_outcome(process.returncode, stop.fired, watch.kills()),
        used=Resources(
            cpu_cores=cpu_seconds / duration_s if duration_s > 0 else None,
            memory_bytes=memory_bytes or None,
            duration_ms=duration_s * 1000,
        ),
        source=source,
        stdout=captured[0],
        stderr=captured[1],
    )


def _peak(rusage_bytes: float, floor_bytes: float, sampled_bytes: float) -> Tuple[float, Source]:
    """Each can only miss, but that rusage starts from the floor: no higher, it says nothing."""
    if rusage_bytes > floor_bytes * (1 + counter_drift) and rusage_bytes >= sampled_bytes * (1 - counter_drift):
        return max(rusage_bytes, sampled_bytes), "rusage"
    return sampled_bytes, "sampled" if sampled_bytes > 0 else "unknown"


def _outcome(returncode: int, timed_out: bool, oom_kills: int) -> Outcome:
    if returncode == 0:
        return "succeeded"
    # A shell says of its child's SIGKILL 128 + 9.
    if oom_kills > 0 and returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "out-of-memory"
    return "timed-out" if timed_out else "failed"


class _Stop:
    """SIGTERM at the time limit, SIGKILL after the grace. Signals only a process that was not waited for."""

    def __init__(self, pid: int, grace_ms: float) -> None:
        self._pid = pid
        self._grace_ms = grace_ms
        self._lock = threading.Lock()
        self._timer: Optional[threading.Timer] = None
        self._is_armed = True
        self.fired = False

    def at(self, ms: float, number: int = signal.SIGTERM) -> None:
        timer = threading.Timer(ms / 1000, self._fire, (number,))
        timer.daemon = True
        self._timer = timer
        timer.start()

    def disarm(self) -> None:
        with self._lock:
            self._is_armed = False
            if self._timer is not None:
                self._timer.cancel()

    def _fire(self, number: int) -> None:
        with self._lock:
            if not self._is_armed:
                return
            self.fired = True
            _kill(self._pid, number)
            if number != signal.SIGKILL:
                self.at(self._grace_ms, signal.SIGKILL)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass


def _pump(process: "subprocess.Popen[bytes]", input: Optional[bytes]) -> List[Callable[[], Optional[bytes]]]:
    """Feeds and drains the pipes in threads. Two functions that wait for what came of stdout and stderr."""
    if process.stdin is not None and input is not None:
        threading.Thread(target=_feed, args=(process.stdin, input), daemon=True).start()
    return [_drain(process.stdout), _drain(process.stderr)]


def _feed(pipe: IO[bytes], data: bytes) -> None:
    try:
        with pipe:
            pipe.write(data)
    except OSError:
        pass


def _drain(pipe: Optional[IO[bytes]]) -> Callable[[], Optional[bytes]]:
    if pipe is None:
        return lambda: None
    read: List[bytes] = []

    def drain() -> None:
        with pipe:
            read.append(pipe.read())

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()

    def wait() -> bytes:
        thread.join()
        return read[0] if read else b""

    return wait
