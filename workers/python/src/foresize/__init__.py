"""foresize: reports what tasks use, and asks what the next run needs.

    import foresize

    with foresize.profile("thumbnail", features={"input_bytes": size}):
        make_thumbnail(path)

Where the profiler is comes from $FORESIZE_PROFILER, else localhost:7070.
"""

from __future__ import annotations

import threading
from typing import Any, Optional, Sequence

from foresize.connection import Tls
from foresize.command import Argument, CommandResult
from foresize.estimate import Confidence, Estimate, Notice, Policy
from foresize.estimator import Estimator
from foresize.learning_config import LearningConfig, LearningOverride
from foresize.next_attempt import SchedulableTask
from foresize.profiling import Features, Profiling
from foresize.resources import Outcome, Resources, Source
from foresize.samples import UsageSample
from foresize.sizer import Sized, Sizer
from foresize.execution import Execution, Problem
from foresize.worker import Statistics, Worker

__all__ = [
    "CommandResult",
    "Confidence",
    "Estimate",
    "Estimator",
    "Execution",
    "LearningConfig",
    "LearningOverride",
    "Notice",
    "Outcome",
    "Policy",
    "Problem",
    "Profiling",
    "Resources",
    "SchedulableTask",
    "Sized",
    "Sizer",
    "Source",
    "Statistics",
    "Tls",
    "UsageSample",
    "Worker",
    "default_worker",
    "profile",
    "run",
]

_lock = threading.Lock()
_default: Optional[Worker] = None


def default_worker() -> Worker:
    """The one behind `profile` and `run`, made when first needed and flushed when the interpreter exits."""
    global _default
    with _lock:
        if _default is None:
            _default = Worker()
        return _default


def profile(task: str, *, features: Features = None, interval_ms: float = 1000, **start: Any) -> Profiling:
    """As Worker.profile, of the default worker."""
    return Profiling(default_worker, task, features, interval_ms, start)


def run(args: Sequence[Argument], *, task: str, **options: Any) -> CommandResult:
    """As Worker.run, of the default worker."""
    return default_worker().run(args, task=task, **options)
