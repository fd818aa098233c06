"""One thread that samples every execution under way: densely at first, then ever more rarely."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from foresize.own_threads import own_thread
from foresize.process_tree import TreeUsage
from foresize.samples import UsageSample

max_overhead = 0.01
"""Share of one core that sampling one execution may take, beyond the first `burst_seconds` of it."""
burst_seconds = 0.02
first_report_ms = 100


@dataclass
class Sampling:
    """One execution being sampled. Stop it before its end is reported."""

    read: Callable[[], Optional[TreeUsage]]
    on_sample: Callable[[UsageSample], None]
    interval_s: float
    wait_s: float
    dense_s: float
    """Until then the waits do not grow."""
    started_s: float
    spent_s: float = 0.0
    is_stopped: bool = False
    before: Tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Elapsed ms, CPU seconds and peak bytes of the sample reported before."""

    def stop(self) -> None:
        self.is_stopped = True

    def sample(self) -> None:
        began_s = time.monotonic()
        usage = self.read()
        now_s = time.monotonic()
        self.spent_s += now_s - began_s
        if usage is None or self.is_stopped:
            return
        elapsed_ms = (now_s - self.started_s) * 1000
        before_ms, before_cpu, before_peak = self.before
        # Readings find the peak; what is sent of them comes ever further apart: sending costs more than reading.
        if elapsed_ms - before_ms < min(self.interval_s * 1000, max(first_report_ms, before_ms)) * 0.99:
            return
        self.on_sample(
            UsageSample(
                elapsed_ms=elapsed_ms,
                cpu_cores=max(0.0, usage.cpu_seconds - before_cpu) * 1000 / max(elapsed_ms - before_ms, 1e-3),
                memory_bytes=usage.peak_memory_bytes if usage.peak_memory_bytes > before_peak else usage.memory_bytes,
            )
        )
        self.before = (elapsed_ms, usage.cpu_seconds, usage.peak_memory_bytes)

    def next_wait_s(self) -> float:
        elapsed_s = time.monotonic() - self.started_s
        if elapsed_s >= self.dense_s:
            self.wait_s = min(self.wait_s * 1.5, self.interval_s)
        return max(self.wait_s, (self.spent_s - burst_seconds) / max_overhead - elapsed_s)


class Sampler:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: List[Tuple[float, int, Sampling]] = []
        self._order = itertools.count()
        self._thread: Optional[threading.Thread] = None

    def start(
        self,
        read: Callable[[], Optional[TreeUsage]],
        on_sample: Callable[[UsageSample], None],
        interval_ms: float,
        first_ms: float,
        dense_ms: float = 0,
    ) -> Sampling:
        """Samples until it is stopped: first after `first_ms`, at that pace for `dense_ms`, then each wait half as long
        again as the one before, up to `interval_ms`."""
        wait_s = min(first_ms, interval_ms) / 1000
        sampling = Sampling(read, on_sample, interval_ms / 1000, wait_s, dense_ms / 1000, time.monotonic())
        with self._changed:
            self._push(sampling, wait_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="foresize-sampler", daemon=True)
                self._thread.start()
            elif self._due[0][2] is sampling:
                self._changed.notify()
        return sampling

    def _push(self, sampling: Sampling, wait_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + wait_s, next(self._order), sampling))

    def _run(self) -> None:
        with own_thread():
            self._sample_forever()

    def _sample_forever(self) -> None:
        while True:
            with self._changed:
                while True:
                    while self._due and self._due[0][2].is_stopped:
                        heapq.heappop(self._due)
                    left_s = self._due[0][0] - time.monotonic() if self._due else None
                    if left_s is not None and left_s <= 0:
                        break
                    self._changed.wait(left_s)
                _, _, sampling = heapq.heappop(self._due)
            try:
                sampling.sample()
            except Exception:  # noqa: BLE001 - one that cannot be read must not end the others
                continue
            with self._changed:
                self._push(sampling, sampling.next_wait_s())


_sampler = Sampler()


def sampler() -> Sampler:
    """The one of this process."""
    return _sampler


def _forget_thread() -> None:
    global _sampler
    _sampler = Sampler()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_thread)
