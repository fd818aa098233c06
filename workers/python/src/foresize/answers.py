"""Asks the estimator on behalf of a scheduler: within a deadline, never raising, with answers kept for a while."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from typing import Any, Dict, Hashable, Optional, Tuple, Union

import grpc

from foresize.estimate import Estimate, Policy
from foresize.estimator import Estimator
from foresize.next_attempt import SchedulableTask
from foresize.resources import limits
from foresize.sizing import Unavailable

failures_until_pause = 3
"""Failed calls in a row after which the estimator is left alone for a while."""


class Answers:
    """Thread-safe and fork-safe."""

    def __init__(self, estimator: Estimator, max_age_ms: float, max_answers: int, pause_ms: float) -> None:
        self._estimator = estimator
        self._max_age_s = max_age_ms / 1000
        self._max_answers = max_answers
        self._pause_s = pause_ms / 1000
        self._kept: "OrderedDict[Hashable, Tuple[Estimate, float]]" = OrderedDict()
        self._lock = threading.Lock()
        self._failures = 0
        self._paused_until_s = 0.0
        self._draws_by_execution = False
        """An A/B test runs whose variants are drawn by execution: the answer for one is not that for another."""
        self._counts: Dict[str, int] = {}
        _at_work.add(self)

    def ask(self, task: SchedulableTask, policy: Policy, update_interval_ms: float) -> Union[Estimate, Unavailable]:
        """Waits no longer than the estimator's deadline. The estimator gone, the last answer to the same question."""
        try:
            question = _question(task, policy)
            hash(question)
        except TypeError as error:
            return Unavailable(f"it cannot be asked: {error}")
        with self._lock:
            key = (question, task.execution_id) if self._draws_by_execution else question
            kept = self._fresh(key, update_interval_ms / 1000)
            if kept is not None:
                self._count("cached")
                return kept
            self._count("asks")
            is_paused = time.monotonic() < self._paused_until_s
        answer = Unavailable("the estimator did not answer lately") if is_paused else self._call(task, policy)
        with self._lock:
            if isinstance(answer, Estimate):
                self._draws_by_execution = answer.variant_by_execution
                self._keep(question, answer)
                if self._draws_by_execution:
                    self._keep((question, task.execution_id), answer)
                return answer
            last = self._fresh(question, self._max_age_s)
            self._count("unavailable" if last is None else "outdated")
            return last or answer

    def count(self, what: str) -> None:
        with self._lock:
            self._count(what)

    def counts(self) -> Dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def _count(self, what: str) -> None:
        self._counts[what] = self._counts.get(what, 0) + 1

    def _call(self, task: SchedulableTask, policy: Policy) -> Union[Estimate, Unavailable]:
        try:
            answer = self._estimator.estimate(
                task.task,
                namespace=task.namespace,
                features=task.features,
                labels=task.labels,
                requested=task.requested,
                attempt=task.attempt,
                previous_allocation=task.previous_allocation,
                previous_outcome=task.previous_outcome,
                policy=policy,
                execution_id=task.execution_id,
            )
        except grpc.RpcError as error:
            code: Any = getattr(error, "code", lambda: None)()
            details: Any = getattr(error, "details", lambda: str(error))()
            if code == grpc.StatusCode.INVALID_ARGUMENT:
                return Unavailable(f"refused: {details}")
            return self._failed(str(details))
        except Exception as error:  # noqa: BLE001 - scheduling must not notice
            return Unavailable(f"it cannot be asked: {error}")
        garbage = _garbage_in(answer)
        if garbage is not None:
            return self._failed(f"the answer has {garbage}")
        with self._lock:
            self._failures = 0
        return answer

    def _failed(self, reason: str) -> Unavailable:
        with self._lock:
            self._failures += 1
            if self._failures >= failures_until_pause:
                self._paused_until_s = time.monotonic() + self._pause_s
        return Unavailable(reason)

    def _fresh(self, key: Hashable, max_age_s: float) -> Optional[Estimate]:
        kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept[1] > max_age_s:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def _keep(self, key: Hashable, answer: Estimate) -> None:
        self._kept[key] = (answer, time.monotonic())
        self._kept.move_to_end(key)
        while len(self._kept) > self._max_answers:
            self._kept.popitem(last=False)


def _question(task: SchedulableTask, policy: Policy) -> Hashable:
    """Everything in it but the execution it is for."""
    return (
        task.namespace,
        task.task,
        tuple(sorted(task.features.items())),
        tuple(sorted(task.labels.items())),
        task.requested,
        task.attempt,
        task.previous_allocation,
        task.previous_outcome,
        policy,
    )


def _garbage_in(answer: Estimate) -> Optional[str]:
    """What no estimator may say: better the request than that."""
    for dimension, limit in limits.items():
        value = getattr(answer.resources, dimension)
        if value is not None and not 0 < value <= limit:
            return f"{dimension} {value}"
    return None if 0 <= answer.confidence <= 1 else f"confidence {answer.confidence}"


_at_work: "weakref.WeakSet[Answers]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """A thread that is not here may have held the lock."""
    for answers in tuple(_at_work):
        answers._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
