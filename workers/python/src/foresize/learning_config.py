"""How far a sizer follows what was learned, and for which tasks. The settings are those of docs/scheduling.md."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, Optional, Sequence, Tuple

from foresize.estimate import Policy
from foresize.resources import Resources, dimensions

LearningMode = Literal["off", "shadow", "advise", "apply"]
"""`off`: the estimator is not asked. `shadow`: asked, the task does not learn of it. `advise`: the answer travels with
the task, the request is given. `apply`: the answer is given."""

BeyondRangeRule = Literal["trust", "request"]
"""What is given where an input is larger than any learned from. `trust`: the answer, whatever its confidence.
`request`: the request, in each dimension that has one."""


@dataclass(frozen=True)
class LearningSettings:
    enabled: bool = True
    """False is `off`, whatever the mode."""
    mode: LearningMode = "apply"
    min_executions: float = 3
    """Executions behind an answer before it is used."""
    confidence_threshold: float = 0.5
    """Confidence of an answer before it is used."""
    beyond_range: Optional[BeyondRangeRule] = None
    """None: by the confidence of the answer, as within the range."""
    risk: Optional[float] = None
    """0 economical to 1 safe. None leaves it to the estimator."""
    dimensions: Sequence[str] = dimensions
    """What is learned; in the others the request is given."""
    headroom: float = 0
    """Added to what was learned, as a share of it."""
    overhead: Resources = Resources()
    """What wraps the task under the same limit and is not measured with it: added to what was learned."""
    min: Resources = Resources()
    """What was learned is given as at least this."""
    max: Resources = Resources()
    """What was learned is given as at most this."""
    never_above_request: bool = False
    """Escalation after a kill left out."""

    def policy(self) -> Policy:
        """What the estimator is asked to hold to. An overhead that is set here is added here, in place of its own."""
        added_here = None if self.overhead == Resources() else Resources()
        return Policy(risk=self.risk, min=self.min, max=self.max, overhead=added_here)


@dataclass(frozen=True)
class LearningOverride:
    """Settings of some tasks. What is None stays as it is."""

    namespace: Optional[str] = None
    """None: all namespaces."""
    task: Optional[str] = None
    """A name, or its beginning and `*`. None: all tasks."""
    enabled: Optional[bool] = None
    mode: Optional[LearningMode] = None
    min_executions: Optional[float] = None
    confidence_threshold: Optional[float] = None
    beyond_range: Optional[BeyondRangeRule] = None
    risk: Optional[float] = None
    dimensions: Optional[Sequence[str]] = None
    headroom: Optional[float] = None
    overhead: Optional[Resources] = None
    min: Optional[Resources] = None
    max: Optional[Resources] = None
    never_above_request: Optional[bool] = None


@dataclass(frozen=True)
class LearningConfig(LearningSettings):
    update_interval_ms: float = 5000
    """An answer is used again for the same question for so long."""
    defaults: Resources = Resources()
    """What a task gets in a dimension that it neither fixes nor requests and of which nothing was learned."""
    overrides: Tuple[LearningOverride, ...] = ()
    """Later ones win over earlier ones."""

    def __post_init__(self) -> None:
        """Raises ValueError naming the setting, for a configuration that makes no sense."""
        _check("", self)
        for i, override in enumerate(self.overrides):
            _check(f"overrides[{i}].", override)
        _require(0 <= self.update_interval_ms <= 86_400_000, "update_interval_ms must be from 0 to 86400000")

    def settings_for(self, namespace: str, task: str) -> LearningSettings:
        """Those of one task: these, with every override that speaks of it laid over."""
        settings: LearningSettings = self
        for override in self.overrides:
            if override.namespace in (None, namespace) and _matches(override.task, task):
                settings = dataclasses.replace(settings, **_set(override))
        return settings


_settings = tuple(field.name for field in dataclasses.fields(LearningSettings))


def _set(override: LearningOverride) -> "dict[str, Any]":
    values = {name: getattr(override, name) for name in _settings}
    return {name: value for name, value in values.items() if value is not None}


def _matches(pattern: Optional[str], task: str) -> bool:
    if pattern is None:
        return True
    return task.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == task


def _check(where: str, settings: Any) -> None:
    for name, most in (("confidence_threshold", 1), ("risk", 1), ("headroom", 10), ("min_executions", float("inf"))):
        value = getattr(settings, name)
        _require(value is None or 0 <= value <= most, f"{where}{name} must be from 0 to {most}")
    for name, words in (("mode", ("off", "shadow", "advise", "apply")), ("beyond_range", ("trust", "request"))):
        value = getattr(settings, name)
        _require(value is None or value in words, f"{where}{name} must be one of {', '.join(words)}")
    learned = settings.dimensions
    is_known = learned is None or all(each in dimensions for each in learned)
    _require(is_known, f"{where}dimensions must be of {', '.join(dimensions)}")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
