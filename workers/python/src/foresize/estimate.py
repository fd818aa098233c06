"""What an estimator says: the vocabulary of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Sequence, Tuple

from foresize.resources import Resources


@dataclass(frozen=True)
class Policy:
    """How to choose; what is unset is the server's."""

    risk: Optional[float] = None
    """0 is economical, 0.5 balanced, 1 safe."""
    target_coverage: Optional[float] = None
    """Probability with which the allocation shall suffice; decides instead of `risk`."""
    strategies: Sequence[str] = ()
    min: Optional[Resources] = None
    max: Optional[Resources] = None
    overhead: Optional[Resources] = None
    """What wraps the task, which the answer is to include. Empty: none, whatever the server adds by default."""


@dataclass(frozen=True)
class Notice:
    """What to know before trusting an answer."""

    kind: str
    """beyond-range, unknown-feature, missing-feature, unknown-label, missing-label, unknown-task, few-executions,
    stale-view, clamped; `unknown` for one newer than this package."""
    subject: str = ""
    """The feature, label or task it is about."""
    number: Optional[float] = None
    """Times the largest value seen, executions, the age in milliseconds, or the amount before it was clamped: by kind."""
    nearest: Tuple[str, ...] = ()
    """Known names a few letters from `subject`, the nearest first."""
    dimension: str = ""
    """The name of a field of Resources, where it is about one."""


@dataclass(frozen=True)
class Estimate:
    resources: Resources
    """What to give the run."""
    confidence: float
    """Probability that they suffice, CPU left out."""
    source: str
    """profile, cohort, request, namespace, default, escalation; `fallback` where the estimator was not reached."""
    reason: str
    executions: float = 0.0
    """That the profile has folded."""
    staleness_ms: float = 0.0
    variant: str = ""
    variant_by_execution: bool = False
    """The variant was drawn by the execution's id: the answer is for that execution alone."""
    token: bytes = field(default=b"", repr=False)
    """Hand it to the execution as `estimate_token`: so the estimate is scored."""
    notices: Tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Confidence:
    confidence: float
    """Probability that the resources suffice, CPU left out."""
    source: str
    reason: str
    executions: float
    notices: Tuple[Notice, ...] = ()
