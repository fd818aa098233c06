"""Reports each task from within its own process: what that and its children use."""

from __future__ import annotations

import json
import logging
import os
import re
from typing import Any, Dict, Optional, Union

import foresize
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from foresize.oom import OomWatch
from foresize.sampler import Sampling, sampler
from foresize.self_usage import SelfUsage

from foresize_airflow import names, reports
from foresize_airflow.pods import known_variable

log = logging.getLogger("foresize")


class Listener:
    """One task at a time: Airflow starts a process for each."""

    def __init__(self) -> None:
        self._usage: Optional[SelfUsage] = None
        self._sampling: Optional[Sampling] = None
        self._known: Dict[str, Any] = {}
        self._watch = OomWatch()

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        try:
            known = json.loads(os.environ.get(known_variable, "{}"))
            known.update(execution_id=reports.execution_of(task_instance), attempt=task_instance.try_number)
            self._watch = OomWatch()
            self._usage = SelfUsage()
            self._known = {"task": reports.task_of(task_instance), "namespace": names.namespace(), **known}
            self._sampling = sampler().start(self._usage.read, lambda _: None, 1000, first_ms=100)
        except Exception:  # noqa: BLE001 - the task must not notice
            log.warning("a task is not measured", exc_info=True)

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        self._end("succeeded")

    @hookimpl
    def on_task_instance_failed(
        self, previous_state: Any, task_instance: Any, error: Union[None, str, BaseException]
    ) -> None:
        said = f"{type(error).__name__} {error}"
        is_killed = re.search(r"\b137\b|SIGKILL|signal 9|-9\b", said) is not None and self._watch.kills() > 0
        self._end("out-of-memory" if is_killed or "MemoryError" in said else "failed")

    def _end(self, outcome: foresize.Outcome) -> None:
        try:
            usage, self._usage = self._usage, None
            if self._sampling is not None:
                self._sampling.stop()
            if usage is None or reports.is_left_to_command():
                return
            worker = foresize.default_worker()
            worker.start(**self._known).end(outcome, usage.stop(), "rusage")
            worker.flush(reports.flush_ms)
        except Exception:  # noqa: BLE001 - the task must not notice
            log.warning("a task is not reported", exc_info=True)


class ForesizePlugin(AirflowPlugin):
    name = "foresize"
    listeners = [Listener()]
