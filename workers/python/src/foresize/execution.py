"""One attempt at a task, as its reporter holds it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Optional, Tuple

from foresize import resources, samples, termination
from foresize.resources import Outcome, Resources, Source
from foresize.samples import UsageSample
from foresize.v1 import execution_pb2

if TYPE_CHECKING:
    from foresize.worker import Worker


@dataclass(frozen=True)
class Problem:
    """What goes wrong, for a log. The worker goes on."""

    kind: Literal["disconnected", "rejected", "unrecorded", "measures-client"]
    """`measures-client`: the command only asks a daemon to run it, told once each. `unrecorded`: the spool is full, or the values could not be encoded; this execution is not reported."""
    message: str
    task: Optional[str] = None
    execution_id: Optional[str] = None
    violations: Tuple[Tuple[str, str], ...] = ()
    """Field and what is wrong with it."""


class Execution:
    """One attempt at a task. Thread-safe; in a forked child it does nothing."""

    def __init__(
        self, worker: "Worker", execution_id: str, is_recorded: bool, min_sample_interval_ms: float
    ) -> None:
        self._worker = worker
        self._generation = worker._generation
        self._started_s = time.monotonic()
        self._min_interval_ms = min_sample_interval_ms
        self._sent_ms = 0.0
        self._held: Optional[UsageSample] = None
        self._is_open = is_recorded
        self.execution_id = execution_id
        self.is_recorded = is_recorded
        """False where the server asked for a fraction and this one is not in it, or it could not be taken."""

    def __repr__(self) -> str:
        state = "open" if self._is_open else "ended" if self.is_recorded else "unrecorded"
        return f"<Execution {self.execution_id}: {state}>"

    def sample(
        self,
        elapsed_ms: Optional[float] = None,
        *,
        cpu_cores: Optional[float] = None,
        memory_bytes: Optional[float] = None,
        disk_bytes: Optional[float] = None,
        gpu_memory_bytes: Optional[float] = None,
    ) -> None:
        """`elapsed_ms` counts from the start; by default until now."""
        if elapsed_ms is None:
            elapsed_ms = (time.monotonic() - self._started_s) * 1000
        self._sample(UsageSample(elapsed_ms, cpu_cores, memory_bytes, disk_bytes, gpu_memory_bytes))

    def end(
        self, outcome: Outcome = "succeeded", used: Optional[Resources] = None, source: Source = "unknown"
    ) -> None:
        """Once; later calls do nothing. What is set in `used` wins over the samples."""
        try:
            end = execution_pb2.ExecutionEnd(
                execution_id=self.execution_id,
                outcome=resources.outcome_to_wire(outcome),
                used=resources.to_wire(used),
                source=resources.source_to_wire(source),
            )
        except Exception as error:  # noqa: BLE001 - the task must not notice
            self._worker._report(Problem("rejected", f"its end cannot be encoded: {error}", None, self.execution_id))
            end = execution_pb2.ExecutionEnd(
                execution_id=self.execution_id, outcome=execution_pb2.OUTCOME_LOST
            )
        worker = self._worker
        with worker._changed:
            if not self._is_open or self._generation != worker._generation:
                return
            self._is_open = False
            if self._held is not None:
                worker._spool.sample(self.execution_id, self._held)
                self._held = None
            worker._spool.end(end)
            worker._ended += 1
            worker._session.wake()
        termination.hold()

    def _sample(self, sample: UsageSample) -> None:
        try:
            sample = _checked(sample)
        except (TypeError, ValueError) as error:
            self._worker._report(Problem("rejected", f"a sample cannot be encoded: {error}", None, self.execution_id))
            return
        worker = self._worker
        with worker._changed:
            if not self._is_open or self._generation != worker._generation:
                return
            held = self._held
            self._held = sample if held is None else samples.join(held, sample, self._sent_ms)
            if sample.elapsed_ms - self._sent_ms < self._min_interval_ms:
                return
            worker._spool.sample(self.execution_id, self._held)
            self._sent_ms = sample.elapsed_ms
            self._held = None
            worker._session.wake()


def _checked(sample: UsageSample) -> UsageSample:
    """As floats. Raises ValueError, TypeError for what is no number, and for a time that is none."""
    elapsed_ms = float(sample.elapsed_ms)
    if not 0 <= elapsed_ms <= 0xFFFFFFFF:
        raise ValueError(f"elapsed_ms is {elapsed_ms}")
    values = (sample.cpu_cores, sample.memory_bytes, sample.disk_bytes, sample.gpu_memory_bytes)
    cpu, memory, disk, gpu = (None if value is None else float(value) for value in values)
    return UsageSample(elapsed_ms, cpu, memory, disk, gpu)
