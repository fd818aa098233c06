"""Samples of one execution that wait to be sent. Thinning joins neighbours two by two.

Law: joining keeps the peak of every level (memory, disk, GPU memory) and the integral of the rate (CPU) over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

from foresize.v1 import execution_pb2


@dataclass(frozen=True)
class UsageSample:
    elapsed_ms: float
    """Since the start of the execution."""
    cpu_cores: Optional[float] = None
    """The mean since the sample before; the first: since the start."""
    memory_bytes: Optional[float] = None
    """Resident now, or the peak since the sample before where that is known."""
    disk_bytes: Optional[float] = None
    gpu_memory_bytes: Optional[float] = None


def join(first: UsageSample, second: UsageSample, since_ms: float) -> UsageSample:
    """Two neighbours as one; `since_ms` is where the first begins."""
    return UsageSample(
        elapsed_ms=second.elapsed_ms,
        cpu_cores=_mean(
            first.cpu_cores, second.cpu_cores, first.elapsed_ms - since_ms, second.elapsed_ms - first.elapsed_ms
        ),
        memory_bytes=_highest(first.memory_bytes, second.memory_bytes),
        disk_bytes=_highest(first.disk_bytes, second.disk_bytes),
        gpu_memory_bytes=_highest(first.gpu_memory_bytes, second.gpu_memory_bytes),
    )


def thin(samples: List[UsageSample], since_ms: float) -> int:
    """Half as many samples, in place. Returns how many are gone."""
    before = len(samples)
    kept: List[UsageSample] = []
    start = since_ms
    for i in range(0, before, 2):
        pair = samples[i : i + 2]
        kept.append(pair[0] if len(pair) == 1 else join(pair[0], pair[1], start))
        start = pair[-1].elapsed_ms
    samples[:] = kept
    return before - len(kept)


def to_wire(execution_id: str, samples: Sequence[UsageSample], since_ms: float) -> execution_pb2.UsageSamples:
    """As columns. The first counts from `since_ms`, where the samples sent before end. A column that some samples lack
    is filled from their neighbours, the earlier one first."""
    deltas: List[int] = []
    before = round(since_ms)
    for sample in samples:
        whole = max(before, round(sample.elapsed_ms))
        deltas.append(whole - before)
        before = whole
    return execution_pb2.UsageSamples(
        execution_id=execution_id,
        elapsed_delta_ms=deltas,
        cpu_cores=_filled([sample.cpu_cores for sample in samples]),
        memory_bytes=_filled([sample.memory_bytes for sample in samples]),
        disk_bytes=_filled([sample.disk_bytes for sample in samples]),
        gpu_memory_bytes=_filled([sample.gpu_memory_bytes for sample in samples]),
    )


def _filled(values: Sequence[Optional[float]]) -> List[float]:
    last = next((value for value in values if value is not None), None)
    if last is None:
        return []
    filled: List[float] = []
    for value in values:
        last = last if value is None else value
        filled.append(float(last))
    return filled


def _mean(
    first: Optional[float], second: Optional[float], first_ms: float, second_ms: float
) -> Optional[float]:
    if first is None or second is None:
        return second if first is None else first
    total = first_ms + second_ms
    return (first * first_ms + second * second_ms) / total if total > 0 else max(first, second)


def _highest(first: Optional[float], second: Optional[float]) -> Optional[float]:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)
