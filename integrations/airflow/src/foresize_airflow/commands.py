"""A command of a task, on whatever executor: sized, measured, reported."""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional, Sequence

import foresize

from foresize_airflow import names, reports


def run(
    command: Sequence[str],
    *,
    requested: foresize.Resources,
    features: Optional[Mapping[str, float]] = None,
    sizer: Optional[foresize.Sizer] = None,
    **options: Any,
) -> foresize.CommandResult:
    """Runs a command of the task that calls it, as `airflow/dag/task`. $FORESIZE_MEMORY_BYTES tells the command what it
    is given. `options` as of foresize.run. Raises RuntimeError where the command fails, so that Airflow tries again: an attempt
    after the first is given more."""
    from airflow.sdk import get_current_context

    ti = get_current_context()["ti"]
    sized = (sizer or _default_sizer()).size(
        reports.task_of(ti),
        namespace=names.namespace(),
        execution_id=reports.execution_of(ti),
        features=features,
        requested=requested,
        attempt=ti.try_number,
    )
    given = sized.allocated.memory_bytes
    environment = {**os.environ, **(options.pop("env", None) or {})}
    if given is not None:
        environment["FORESIZE_MEMORY_BYTES"] = str(int(given))
    reports.leave_to_command()
    result = foresize.run(command, env=environment, **sized.known, **options)
    foresize.default_worker().flush(reports.flush_ms)
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {result.returncode} ({result.outcome}), given {sized.allocated}")
    return result


_sizer: Optional[foresize.Sizer] = None


def _default_sizer() -> foresize.Sizer:
    """A task may wait for a second."""
    global _sizer
    if _sizer is None:
        _sizer = foresize.Sizer(estimator=foresize.Estimator(deadline_ms=1000))
    return _sizer
