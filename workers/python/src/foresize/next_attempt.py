"""Whether a killed task is tried again, and as what. Pure; held by test/conformance/decisions."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass, field
from typing import Mapping, Optional, Sequence

from foresize.resources import Outcome, Resources
from foresize.sizing import exhausted_by


@dataclass(frozen=True)
class SchedulableTask:
    """A task that wants to run."""

    task: str
    namespace: str = "default"
    execution_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Unique per attempt."""
    features: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    explicit: Resources = Resources()
    """Resources that the owner has fixed. What is set here is given as it is, whatever was learned."""
    requested: Resources = Resources()
    """What the task gets where nothing was learned, and evidence for the estimate."""
    attempt: int = 1
    previous_allocation: Resources = Resources()
    """For a retry: what the attempt before was given, and how it ended."""
    previous_outcome: Optional[Outcome] = None


default_retried: Sequence[Outcome] = ("out-of-memory", "timed-out", "evicted", "lost")
"""Outcomes that are worth another attempt."""

default_max_attempts = 4


def next_attempt(
    first: SchedulableTask,
    last: SchedulableTask,
    outcome: Outcome,
    allocated: Resources,
    retried: Sequence[Outcome] = default_retried,
    max_attempts: int = default_max_attempts,
) -> Optional[SchedulableTask]:
    """The attempt after `last`, of which `first` was the first. None where there is none: its outcome is not worth one,
    `max_attempts` have been made, or what ran out could not be raised, because its owner has fixed it or a maximum
    holds it."""
    attempt = last.attempt + 1
    if outcome not in retried or attempt > max_attempts:
        return None
    ran_out = exhausted_by(outcome)
    if ran_out is not None:
        before = getattr(last.previous_allocation, ran_out) or 0
        was_held = last.previous_outcome == outcome and (getattr(allocated, ran_out) or 0) <= before
        if was_held or getattr(first.explicit, ran_out) is not None:
            return None
    return dataclasses.replace(
        first,
        execution_id=f"{first.execution_id}/{attempt}",
        attempt=attempt,
        previous_allocation=allocated,
        previous_outcome=outcome,
    )
