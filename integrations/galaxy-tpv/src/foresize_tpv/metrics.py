"""Reports each job that was sized from Galaxy's own job metrics: `core` for the time, `cgroup` for memory and CPU."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any, Dict, List, Optional

import foresize
from galaxy.job_metrics.instrumenters import InstrumentPlugin
from galaxy.job_metrics.instrumenters.cgroup import CgroupPlugin
from galaxy.job_metrics.instrumenters.core import CorePlugin

from foresize_tpv.jobs import jobs

log = logging.getLogger("foresize")

_counters = {
    "memory": ("memory.peak", "memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes"),
    "kills": ("memory.events.oom_kill", "memory.oom_control.oom_kill"),
}
_cpu_seconds = {"cpu.stat.usage_usec": 1e-6, "cpuacct.usage": 1e-9}


class ForesizePlugin(InstrumentPlugin):
    """Collects what `core` and `cgroup` do, under files of its own, and adds nothing to what Galaxy shows."""

    plugin_type = "foresize"

    def __init__(self) -> None:
        self._core = _Core()  # type: ignore[no-untyped-call]
        self._cgroup = _Cgroup(verbose=True)  # type: ignore[no-untyped-call]
        self._worker = foresize.Worker()

    def pre_execute_instrument(self, job_directory: str) -> List[str]:
        return self._core.pre_execute_instrument(job_directory)

    def post_execute_instrument(self, job_directory: str) -> List[str]:
        return [*self._core.post_execute_instrument(job_directory), *self._cgroup.post_execute_instrument(job_directory)]

    def job_properties(self, job_id: Any, job_directory: str) -> Dict[str, Any]:
        try:
            self._report(int(job_id), job_directory)
        except Exception:  # noqa: BLE001 - the job must not notice
            log.warning("job %s cannot be reported", job_id, exc_info=True)
        return {}

    def _report(self, job_id: int, job_directory: str) -> None:
        counters = _read(self._cgroup, job_id, job_directory)
        seconds = _read(self._core, job_id, job_directory).get("runtime_seconds")
        kills = _first(counters, _counters["kills"])
        outcome: foresize.Outcome = "out-of-memory" if kills else _outcome(job_directory)
        sized = jobs.ended(job_id, outcome)
        if sized is None:
            return
        cpu = next((counters[name] * unit for name, unit in _cpu_seconds.items() if name in counters), None)
        used = foresize.Resources(
            memory_bytes=_first(counters, _counters["memory"]),
            cpu_cores=cpu / seconds if cpu is not None and seconds else None,
            duration_ms=seconds * 1000 if seconds else None,
        )
        self._worker.start(**sized.known).end(outcome, used, "cgroup" if used.memory_bytes else "unknown")


class _Core(CorePlugin):
    plugin_type = "foresize_core"


class _Cgroup(CgroupPlugin):
    plugin_type = "foresize_cgroup"


def _read(plugin: InstrumentPlugin, job_id: int, job_directory: str) -> Dict[str, Any]:
    """A job that was killed whole has left nothing."""
    try:
        return dict(plugin.job_properties(job_id, job_directory))
    except OSError:
        return {}


def _outcome(job_directory: str) -> foresize.Outcome:
    """By the exit code that Galaxy's job script leaves."""
    for name in os.listdir(job_directory):
        if name.startswith("galaxy_") and name.endswith(".ec"):
            with open(os.path.join(job_directory, name)) as file:
                return "succeeded" if file.read().strip() == "0" else "failed"
    return "lost"


def _first(counters: Dict[str, Any], names: "tuple[str, ...]") -> Optional[float]:
    return next((float(counters[name]) for name in names if name in counters), None)


_lock = threading.Lock()


def report_through(job_metrics: Any) -> None:
    """Adds the plugin to what instruments the jobs of every destination that has no metrics of its own, once."""
    instrumenter = job_metrics.default_job_instrumenter
    with _lock:
        if instrumenter.get_configured_plugin(ForesizePlugin.plugin_type) is None and hasattr(instrumenter, "plugins"):
            instrumenter.plugins.append(ForesizePlugin())
