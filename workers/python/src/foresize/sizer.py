"""Decides what tasks are given, for a scheduler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from foresize import tokens
from foresize.answers import Answers
from foresize.estimate import Estimate, Notice
from foresize.estimator import Estimator
from foresize.learning_config import LearningConfig
from foresize.next_attempt import SchedulableTask, default_max_attempts, default_retried, next_attempt
from foresize.resources import Outcome, Resources
from foresize.sizing import Answer, SizingInput, SizingReason, size


@dataclass(frozen=True, repr=False)
class Sized:
    """A task whose resources are decided. Plain data: it can be pickled and kept."""

    task: SchedulableTask
    allocated: Resources
    reason: SizingReason
    explanation: str
    """For a person: the estimator's own reason, or why there is none."""
    advice: Optional[Resources] = None
    """What foresize would give, where it has an answer: where it is only to advise it is not given."""
    confidence: Optional[float] = None
    """Probability that what was answered suffices."""
    executions: float = 0
    """Behind the answer."""
    notices: Tuple[Notice, ...] = ()
    estimate_token: bytes = b""
    """Empty where there was no answer."""
    first: Optional[SchedulableTask] = field(default=None, compare=False)
    """The first attempt, where this is another."""

    @property
    def known(self) -> Dict[str, Any]:
        """What is known before the run, for `run`, `start` and `profile`: `foresize.run(args, **sized.known)`. So the
        execution is told from others, and the estimate is scored. It can be sent as JSON."""
        task = self.task
        return {
            "task": task.task,
            "namespace": task.namespace,
            "execution_id": task.execution_id,
            "attempt": task.attempt,
            "features": dict(task.features),
            "labels": dict(task.labels),
            "requested": task.requested.as_json(),
            "allocated": self.allocated.as_json(),
            "estimate_token": tokens.to_text(self.estimate_token),
        }

    def __repr__(self) -> str:
        sure = "" if self.confidence is None else f", {100 * self.confidence:.0f} % sure"
        return f"<Sized {self.task.task}: {self.allocated} ({self.reason}{sure}: {self.explanation})>"


class Sizer:
    """Never raises into scheduling: switched off, unsure or unreachable, tasks get what they request. Thread-safe; in a
    fork it asks through a process of its own, as `Estimator` does."""

    def __init__(
        self,
        config: Optional[LearningConfig] = None,
        *,
        estimator: Optional[Estimator] = None,
        max_answer_age_ms: float = 600_000,
        max_answers: int = 10_000,
        pause_ms: float = 1000,
    ) -> None:
        """
        config: as docs/scheduling.md has it.
        estimator: default one at $FORESIZE_ESTIMATOR with a deadline of 250 ms, closed with the sizer.
        max_answer_age_ms: with the estimator gone, an answer is used for so long.
        max_answers: kept.
        pause_ms: after three failed calls in a row nobody is asked for so long.
        """
        self._config = config or LearningConfig()
        self._estimator = estimator or Estimator(deadline_ms=250)
        self._is_owner = estimator is None
        self._answers = Answers(self._estimator, max_answer_age_ms, max_answers, pause_ms)

    def size(
        self,
        task: str,
        *,
        namespace: Optional[str] = None,
        execution_id: Optional[str] = None,
        features: Optional[Mapping[str, float]] = None,
        labels: Optional[Mapping[str, str]] = None,
        explicit: Optional[Resources] = None,
        requested: Optional[Resources] = None,
        attempt: int = 1,
        previous_allocation: Optional[Resources] = None,
        previous_outcome: Optional[Outcome] = None,
    ) -> Sized:
        """What the task is given. `explicit` is what its owner has fixed, `requested` what it gets where nothing was
        learned; `previous_allocation` and `previous_outcome` are of the attempt before. Waits no longer than the
        estimator's deadline."""
        given = {"execution_id": execution_id} if execution_id else {}
        return self._size(
            SchedulableTask(
                task=task,
                namespace=namespace or self._estimator.namespace,
                features=features or {},
                labels=labels or {},
                explicit=explicit or Resources(),
                requested=requested or Resources(),
                attempt=attempt,
                previous_allocation=previous_allocation or Resources(),
                previous_outcome=previous_outcome,
                **given,
            ),
            None,
        )

    def resize(self, sized: Sized) -> Sized:
        """Sizes it anew. A scheduler that lets tasks wait does so when one is about to start: by then more is known."""
        return self._size(sized.task, sized.first)

    def retry(
        self,
        sized: Sized,
        outcome: Outcome,
        *,
        retried: Sequence[Outcome] = default_retried,
        max_attempts: int = default_max_attempts,
    ) -> Optional[Sized]:
        """The next attempt after one that ended so: with more of what ran out, with the same after an eviction or a loss.
        None where another is not worth it, or what ran out cannot be raised."""
        first = sized.first or sized.task
        task = next_attempt(first, sized.task, outcome, sized.allocated, retried, max_attempts)
        return None if task is None else self._size(task, first)

    def statistics(self) -> Dict[str, int]:
        """Decisions by reason, as `decided.learned`, and what became of the questions: `asks`, answered from one kept
        (`cached`), from one past its time since the estimator was gone (`outdated`), and not at all (`unavailable`)."""
        return self._answers.counts()

    def close(self) -> None:
        if self._is_owner:
            self._estimator.close()

    def __repr__(self) -> str:
        return f"<Sizer of {self._estimator}>"

    def __enter__(self) -> "Sizer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _size(self, task: SchedulableTask, first: Optional[SchedulableTask]) -> Sized:
        settings = self._config.settings_for(task.namespace, task.task)
        answer: Answer = None
        if settings.enabled and settings.mode != "off":
            answer = self._answers.ask(task, settings.policy(), self._config.update_interval_ms)
        sizing = size(
            SizingInput(
                settings=settings,
                answer=answer,
                explicit=task.explicit,
                requested=task.requested,
                defaults=self._config.defaults,
                previous_allocation=task.previous_allocation,
                previous_outcome=task.previous_outcome,
            )
        )
        self._answers.count(f"decided.{sizing.reason}")
        estimate = answer if isinstance(answer, Estimate) else None
        return Sized(
            task=task,
            allocated=sizing.allocated,
            reason=sizing.reason,
            explanation=sizing.explanation,
            advice=None if settings.mode == "shadow" else sizing.advice,
            confidence=None if estimate is None else estimate.confidence,
            executions=0 if estimate is None else estimate.executions,
            notices=() if estimate is None else estimate.notices,
            estimate_token=b"" if estimate is None else estimate.token,
            first=first,
        )
