"""A block or a function as one execution."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Tuple, Type, TypeVar, Union, cast

from foresize.resources import Outcome
from foresize.sampler import Sampling, sampler
from foresize.self_usage import SelfUsage

if TYPE_CHECKING:
    from foresize.execution import Execution
    from foresize.worker import Worker

Features = Union[None, Mapping[str, float], Callable[..., Mapping[str, float]]]
"""Numbers known before the run, or a function of the call's arguments that gives them. So may be all that is known."""

Function = TypeVar("Function", bound=Callable[..., Any])

first_sample_ms = 100
"""The kernel keeps the peak: short blocks need no samples."""

log = logging.getLogger("foresize")


class Profiling:
    """`with worker.profile(task) as execution:` or `@worker.profile(task)`, of plain and of async functions. May be
    entered any number of times, at once too. What is raised inside is the execution's failure, and goes on."""

    def __init__(
        self,
        worker: "Callable[[], Worker]",
        task: str,
        features: Features,
        interval_ms: float,
        start: Dict[str, Any],
    ) -> None:
        self._worker = worker
        self._task = task
        self._known = {"features": features, **start}
        self._interval_ms = interval_ms

    def __repr__(self) -> str:
        return f"<Profiling of {self._task}>"

    def __enter__(self) -> "Execution":
        opened = self._begin({name: value for name, value in self._known.items() if not callable(value)})
        _entered.set((*_entered.get(), (self, opened)))
        return opened.execution

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], _: object
    ) -> None:
        entered = _entered.get()
        for at in range(len(entered) - 1, -1, -1):
            if entered[at][0] is self:
                _entered.set(entered[:at] + entered[at + 1 :])
                entered[at][1].end(error)
                return

    def __call__(self, function: Function) -> Function:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: Any, **kwargs: Any) -> Any:
                opened = self._begin(self._known_of(args, kwargs))
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    opened.end(error)
                    raise
                opened.end(None)
                return result

            return cast(Function, run_async)

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            opened = self._begin(self._known_of(args, kwargs))
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                opened.end(error)
                raise
            opened.end(None)
            return result

        return cast(Function, run)

    def _known_of(self, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
        known: Dict[str, Any] = {}
        for name, value in self._known.items():
            try:
                known[name] = value(*args, **kwargs) if callable(value) else value
            except Exception:  # noqa: BLE001 - the task must not notice
                log.warning("the %s of %s cannot be told", name, self._task, exc_info=True)
        return known

    def _begin(self, known: Dict[str, Any]) -> "_Open":
        return _Open(self._worker().start(self._task, **known), self._interval_ms)


class _Open:
    def __init__(self, execution: "Execution", interval_ms: float) -> None:
        self.execution = execution
        self._usage: Optional[SelfUsage] = None
        self._sampling: Optional[Sampling] = None
        if not execution.is_recorded:
            return
        try:
            self._usage = SelfUsage()
            self._sampling = sampler().start(
                self._usage.read, execution._sample, interval_ms, first_ms=first_sample_ms
            )
        except Exception:  # noqa: BLE001 - the task must not notice
            log.warning("cannot measure", exc_info=True)

    def end(self, error: Optional[BaseException]) -> None:
        try:
            if self._sampling is not None:
                self._sampling.stop()
            used = None if self._usage is None else self._usage.stop()
            self.execution.end(_outcome(error), used, "unknown" if used is None else "rusage")
        except Exception:  # noqa: BLE001 - the task must not notice
            log.warning("cannot report", exc_info=True)


_entered: "ContextVar[Tuple[Tuple[Profiling, _Open], ...]]" = ContextVar("foresize_entered", default=())
"""Blocks under way in this thread or task."""


def _outcome(error: Optional[BaseException]) -> Outcome:
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "succeeded"
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if isinstance(error, (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)):
        return "cancelled"
    return "failed"
