"""What a job is given, as Snakemake asks for it: a function for `mem_mb`."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Optional

import foresize

from snakemake_logger_plugin_foresize.attempts import Job, attempts

Features = Callable[..., Mapping[str, float]]


def mem_mb(
    default: float, features: Optional[Features] = None, sizer: Optional[foresize.Sizer] = None
) -> Callable[..., int]:
    """A function for `resources: mem_mb=`, in MB as Snakemake has it.

    default: what the rule would ask for: given until enough is known, and where foresize is away.
    features: of (wildcards, input), numbers that the need follows from, beside `input_bytes`.
    sizer: one with settings of its own.
    """

    def sized(wildcards: Any, input: Any, attempt: int, rulename: str) -> int:
        job = Job.of(rulename, wildcards)
        last = attempts.last(job, attempt - 1)
        given = None if last is None else last.allocated.memory_bytes
        ended = attempts.wait_for_end(job, attempt - 1) if attempt > 1 else None
        known = (sizer or _default_sizer()).size(
            rulename,
            features={"input_bytes": input.size, **(features(wildcards, input) if features else {})},
            requested=foresize.Resources(memory_bytes=default * 1e6),
            attempt=attempt,
            previous_allocation=foresize.Resources(memory_bytes=given),
            previous_outcome=ended,
        )
        attempts.decided(job, known)
        return math.ceil((known.allocated.memory_bytes or default * 1e6) / 1e6)

    return sized


_sizer: Optional[foresize.Sizer] = None


def _default_sizer() -> foresize.Sizer:
    """Snakemake waits for nobody here: a job may ask for a second."""
    global _sizer
    if _sizer is None:
        _sizer = foresize.Sizer(estimator=foresize.Estimator(deadline_ms=1000))
    return _sizer
