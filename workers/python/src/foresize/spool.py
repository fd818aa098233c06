"""Events that wait, then batches that wait for their acknowledgement. Not thread-safe: its owner locks.

Law: a start that was taken is never dropped, nor its end; samples are thinned before that, never lost whole.
Order: within a batch and over batches, an execution's start comes before its samples, and they before its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional

from foresize.samples import UsageSample, thin, to_wire
from foresize.v1 import execution_pb2, profiler_service_pb2

max_events = 1000
"""Starts, sampled executions or ends of one batch, as the contract has it."""
default_max_open = 1000
"""Executions that a server keeps open in one session that does not say."""
max_samples_of_one = 10_000
"""Samples of one execution in one batch, as the contract has it."""


@dataclass
class _Waiting:
    start: Optional[execution_pb2.ExecutionStart] = None
    samples: List[UsageSample] = field(default_factory=list)
    end: Optional[execution_pb2.ExecutionEnd] = None

    def size_bytes(self) -> int:
        """On the wire, about."""
        size = len(self.samples) * 24
        size += 0 if self.start is None else self.start.ByteSize() + 8
        return size if self.end is None else size + self.end.ByteSize() + 8


@dataclass
class _Known:
    start: execution_pb2.ExecutionStart
    sent_ms: float = 0.0
    """Where the samples moved into batches end."""
    ended: bool = False
    is_open: bool = False
    """Its start is in a batch, its end is not."""


@dataclass(frozen=True)
class SpoolSize:
    waiting_executions: int
    waiting_samples: int
    unacknowledged_batches: int
    executions: int
    """Whose end is not yet acknowledged."""
    thinned_samples: int
    """Samples joined with a neighbour for want of room, ever."""


class Spool:
    def __init__(self, max_samples: int, max_executions: int, max_batch_bytes: int) -> None:
        self._max_samples = max(max_samples, 4 * max_executions)
        self._max_executions = max_executions
        self._max_batch_bytes = max_batch_bytes
        self._waiting: Dict[str, _Waiting] = {}
        self._known: Dict[str, _Known] = {}
        self._sequence = 0
        self._waiting_samples = 0
        self._thinned_samples = 0
        self._open = 0
        self.max_open = default_max_open
        """Executions that the server keeps open in one session: a start above waits until another has ended."""
        self.unacknowledged: List[profiler_service_pb2.UsageBatch] = []
        """In order of their sequence."""

    def start(self, start: execution_pb2.ExecutionStart) -> bool:
        """False where the spool is full, or holds the execution already: then nothing of it may be added."""
        if len(self._known) >= self._max_executions or start.execution_id in self._known:
            return False
        self._known[start.execution_id] = _Known(start)
        self._waiting_of(start.execution_id).start = start
        return True

    def sample(self, execution_id: str, sample: UsageSample) -> None:
        known = self._known.get(execution_id)
        if known is None or known.ended:
            return
        waiting = self._waiting_of(execution_id)
        waiting.samples.append(sample)
        self._waiting_samples += 1
        if len(waiting.samples) >= max_samples_of_one:
            self._thin(execution_id)
        if self._waiting_samples > self._max_samples:
            for each in self._waiting:
                self._thin(each)

    def end(self, end: execution_pb2.ExecutionEnd) -> None:
        known = self._known.get(end.execution_id)
        if known is None or known.ended:
            return
        known.ended = True
        self._waiting_of(end.execution_id).end = end

    def next_batch(self) -> Optional[profiler_service_pb2.UsageBatch]:
        """Moves waiting events into the next batch, None where none may be sent. It stays until it is acknowledged."""
        batch = profiler_service_pb2.UsageBatch(sequence=self._sequence + 1)
        size = 0
        taken: List[str] = []
        for execution_id, waiting in self._waiting.items():
            known = self._known[execution_id]
            if waiting.start is not None and waiting.end is None and self._open >= self.max_open:
                continue
            size += waiting.size_bytes()
            if taken and (size > self._max_batch_bytes or len(taken) == max_events):
                break
            taken.append(execution_id)
            if waiting.start is not None:
                batch.starts.append(waiting.start)
            if waiting.samples:
                batch.samples.append(to_wire(execution_id, waiting.samples, known.sent_ms))
                known.sent_ms = waiting.samples[-1].elapsed_ms
                self._waiting_samples -= len(waiting.samples)
            if waiting.end is not None:
                batch.ends.append(waiting.end)
            is_open = waiting.end is None
            self._open += is_open - known.is_open
            known.is_open = is_open
        if not taken:
            return None
        for execution_id in taken:
            del self._waiting[execution_id]
        self._sequence += 1
        self.unacknowledged.append(batch)
        return batch

    def acknowledge(self, durable_sequence: int) -> bool:
        """Forgets what is stored. False where the server claims more than was sent, or less than it had said."""
        first = self.unacknowledged[0].sequence if self.unacknowledged else self._sequence + 1
        if durable_sequence > self._sequence or durable_sequence < first - 1:
            return False
        stored = durable_sequence - first + 1
        for batch in self.unacknowledged[:stored]:
            for end in batch.ends:
                self._known.pop(end.execution_id, None)
        self.unacknowledged = self.unacknowledged[stored:]
        return True

    def restart(self) -> None:
        """The server has lost the session: numbers the unacknowledged batches from 1 again, behind the starts of every
        execution whose end is not acknowledged. Sample times count from the start again: what was acknowledged of them
        may be lost too."""
        self._rebase_samples()
        kept = {start.execution_id for batch in self.unacknowledged for start in batch.starts}
        kept.update(execution_id for execution_id, waiting in self._waiting.items() if waiting.start is not None)
        starts = [known.start for execution_id, known in self._known.items() if execution_id not in kept]
        # A quarter of what a batch may hold: each start may have a token and labels.
        step = max_events // 4
        again = [
            profiler_service_pb2.UsageBatch(starts=starts[at : at + step]) for at in range(0, len(starts), step)
        ]
        self.unacknowledged = again + self.unacknowledged
        for index, batch in enumerate(self.unacknowledged):
            batch.sequence = index + 1
        self._sequence = len(self.unacknowledged)

    def is_empty(self) -> bool:
        return not self._waiting and not self.unacknowledged

    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def size(self) -> SpoolSize:
        return SpoolSize(
            waiting_executions=len(self._waiting),
            waiting_samples=self._waiting_samples,
            unacknowledged_batches=len(self.unacknowledged),
            executions=len(self._known),
            thinned_samples=self._thinned_samples,
        )

    def _waiting_of(self, execution_id: str) -> _Waiting:
        return self._waiting.setdefault(execution_id, _Waiting())

    def _thin(self, execution_id: str) -> None:
        known = self._known[execution_id]
        gone = thin(self._waiting[execution_id].samples, known.sent_ms)
        self._waiting_samples -= gone
        self._thinned_samples += gone

    def _rebase_samples(self) -> None:
        columns: Dict[str, List[execution_pb2.UsageSamples]] = {}
        for batch in self.unacknowledged:
            for samples in batch.samples:
                columns.setdefault(samples.execution_id, []).append(samples)
        for execution_id, known in self._known.items():
            of_it = columns.get(execution_id)
            if of_it is None:
                known.sent_ms = 0.0
                continue
            pending_ms = sum(sum(samples.elapsed_delta_ms) for samples in of_it)
            of_it[0].elapsed_delta_ms[0] += max(0, round(known.sent_ms) - pending_ms)
