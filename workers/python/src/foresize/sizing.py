"""What a task is given. Pure: the rules that the sizers of every language share, held by test/conformance/decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Literal, Optional, Tuple, Union

from foresize.estimate import Estimate
from foresize.learning_config import LearningSettings
from foresize.resources import Outcome, Resources, dimensions

SizingReason = Literal[
    "learned",
    "escalated",
    "off",
    "shadow",
    "advise",
    "explicit",
    "unavailable",
    "too-few-executions",
    "not-confident",
    "beyond-range",
    "unknown-task",
]
"""Why a task got what it got; only the first two are foresize's doing."""


@dataclass(frozen=True)
class Unavailable:
    """No answer, and why."""

    reason: str


Answer = Union[Estimate, Unavailable, None]
"""None where the estimator was not asked."""


@dataclass(frozen=True)
class SizingInput:
    settings: LearningSettings
    answer: Answer
    explicit: Resources = Resources()
    requested: Resources = Resources()
    defaults: Resources = Resources()
    previous_allocation: Resources = Resources()
    previous_outcome: Optional[Outcome] = None


@dataclass(frozen=True)
class Sizing:
    allocated: Resources
    reason: SizingReason
    explanation: str
    """For a person."""
    advice: Optional[Resources] = None
    """What foresize would give, where it has an answer."""


def size(given: SizingInput) -> Sizing:
    """In each dimension the first of: what its owner fixed; what was learned, if the answer is good enough, the mode is
    `apply` and the request is not to be given beyond the range; what the task requests; the default; any answer at all.
    After a kill for want of resources the dimension that ran out is at least what was learned of it, or twice what it
    had.
    """
    settings, answer, explicit = given.settings, given.answer, given.explicit
    fallback, is_escalated = _escalated(given, _first_of(given.requested, given.defaults))

    def unlearned(reason: SizingReason, explanation: str, advice: Optional[Resources] = None) -> Sizing:
        last = advice if settings.mode == "apply" else None
        return Sizing(
            allocated=_first_of(explicit, fallback, last),
            reason="escalated" if is_escalated else reason,
            explanation=f"the last attempt ran out; {explanation}" if is_escalated else explanation,
            advice=advice,
        )

    if answer is None:
        return unlearned("off", "learning is off")
    if isinstance(answer, Unavailable):
        return unlearned("unavailable", answer.reason)
    is_escalation = answer.source == "escalation"
    advice = _bounded(answer.resources, given, is_escalation)
    if settings.mode == "shadow":
        return unlearned("shadow", answer.reason, advice)
    if settings.mode == "advise":
        return unlearned("advise", answer.reason, advice)
    beyond: Optional[str] = None
    if not is_escalation:
        if answer.source not in ("profile", "cohort"):
            return unlearned("unknown-task", answer.reason, advice)
        if answer.executions < settings.min_executions:
            counts = f"{_counted(answer.executions, 'execution')}, {_plain(settings.min_executions)} needed"
            return unlearned("too-few-executions", counts, advice)
        beyond = next((notice.subject for notice in answer.notices if notice.kind == "beyond-range"), None)
        is_trusted = beyond is not None and settings.beyond_range == "trust"
        if not is_trusted and answer.confidence < settings.confidence_threshold:
            shares = f"confidence {answer.confidence:.2f}, {_plain(settings.confidence_threshold)} needed"
            return unlearned("not-confident", shares, advice)
    if beyond is not None and settings.beyond_range == "request" and _replaces_any(given, advice):
        return Sizing(
            allocated=_first_of(explicit, given.requested, advice, fallback),
            reason="beyond-range",
            explanation=f"{beyond} is beyond the range learned from",
            advice=advice,
        )
    return Sizing(
        allocated=_first_of(explicit, _raised_again(given, advice), advice, fallback),
        reason="escalated" if is_escalation else "learned" if explicit.memory_bytes is None else "explicit",
        explanation=answer.reason,
        advice=advice,
    )


def exhausted_by(outcome: Optional[Outcome]) -> Optional[str]:
    """The dimension that an outcome alone says was too little."""
    return _exhausted.get(outcome or "")


_exhausted: Dict[str, str] = {"out-of-memory": "memory_bytes", "timed-out": "duration_ms"}

escalation_factor = 2
"""Growth of the dimension that ran out, where the estimator has nothing better to say."""


def _replaces_any(given: SizingInput, advice: Resources) -> bool:
    """An attempt that ran out has refuted the request, or what was given instead."""
    return exhausted_by(given.previous_outcome) is None and any(
        getattr(given.requested, each) is not None and getattr(advice, each) is not None for each in dimensions
    )


def _raised_again(given: SizingInput, advice: Resources) -> Resources:
    """What ran out is never given again as it was, whatever was learned."""
    dimension = exhausted_by(given.previous_outcome)
    if dimension is None:
        return Resources()
    before = getattr(given.previous_allocation, dimension) or 0
    if (getattr(advice, dimension) or 0) > before:
        return Resources()
    return Resources(**{dimension: getattr(_escalated(given, advice)[0], dimension)})


def _escalated(given: SizingInput, resources: Resources) -> Tuple[Resources, bool]:
    dimension = exhausted_by(given.previous_outcome)
    before = None if dimension is None else getattr(given.previous_allocation, dimension)
    if dimension is None or before is None:
        return resources, False
    raised = max(getattr(resources, dimension) or 0, before * escalation_factor)
    ceiling = getattr(given.settings.max, dimension)
    if ceiling is not None:
        raised = min(raised, ceiling)
    return Resources(**{**vars(resources), dimension: raised}), True


def _bounded(learned: Resources, given: SizingInput, is_escalation: bool) -> Resources:
    settings = given.settings
    bounded: Dict[str, float] = {}
    for dimension in dimensions:
        value = getattr(learned, dimension)
        if value is None or dimension not in settings.dimensions:
            continue
        ceilings = [getattr(settings.max, dimension)]
        if not is_escalation:
            value = value * (1 + settings.headroom) + (getattr(settings.overhead, dimension) or 0)
            if settings.never_above_request:
                ceilings.append(getattr(given.requested, dimension))
        value = max(value, getattr(settings.min, dimension) or 0)
        bounded[dimension] = min([value, *(ceiling for ceiling in ceilings if ceiling is not None)])
    return Resources(**bounded)


def _first_of(*layers: Optional[Resources]) -> Resources:
    """In each dimension the first that is set."""
    values: Dict[str, float] = {}
    for layer in layers:
        for dimension, value in vars(layer).items() if layer is not None else ():
            if value is not None:
                values.setdefault(dimension, value)
    return Resources(**values)


def _counted(number: float, what: str) -> str:
    return f"{_plain(number)} {what}" if number == 1 else f"{_plain(number)} {what}s"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
