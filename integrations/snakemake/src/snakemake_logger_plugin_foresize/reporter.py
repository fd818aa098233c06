"""Reports each job as an execution: from JOB_INFO, when it is started, to its end."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import foresize
from foresize.oom import OomWatch

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_foresize.attempts import Job, attempts
from snakemake_logger_plugin_foresize.benchmark import read_benchmark

exit_within_ms = 10_000
"""Longest wait at the end of the workflow for what is unsent."""


@dataclass
class Running:
    job: Job
    attempt: int
    execution: foresize.Execution
    benchmark: Optional[str]
    shellcmd: Optional[str]
    errors: List[str] = field(default_factory=list)
    watch: OomWatch = field(default_factory=OomWatch)
    started_s: float = field(default_factory=time.monotonic)


class Reporter:
    def __init__(self) -> None:
        self._worker = foresize.Worker()
        self._run = str(uuid.uuid4())
        self._attempts: Dict[int, int] = {}
        self._running: Dict[int, Running] = {}
        attempts.is_heard = True

    def receive(self, record: logging.LogRecord) -> None:
        said: Any = record
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self._start(said)
        elif event == LogEvent.JOB_FINISHED:
            self._end(said.job_id, "succeeded")
        elif event == LogEvent.JOB_ERROR:
            running = self._running.get(said.jobid)
            if running is not None:
                self._end(said.jobid, _outcome([*running.errors, str(said.rule_msg)], running.watch.kills()))
        elif event == LogEvent.ERROR:
            # It comes before the JOB_ERROR and names no job, but its command.
            for running in self._running.values():
                if running.shellcmd and running.shellcmd.strip() in record.getMessage():
                    running.errors.append(record.getMessage().replace(running.shellcmd, ""))

    def close(self) -> None:
        for jobid in list(self._running):
            self._end(jobid, "cancelled")
        attempts.is_heard = False
        self._worker.close(exit_within_ms)

    def _start(self, said: Any) -> None:
        attempt = self._attempts[said.jobid] = self._attempts.get(said.jobid, 0) + 1
        job = Job.of(said.rule_name, said.wildcards)
        sized = attempts.last(job, attempt)
        given = said.resources.get("mem_mb")
        allocated = {"memory_bytes": given * 1e6} if isinstance(given, (int, float)) else {}
        execution = self._worker.start(
            said.rule_name,
            execution_id=f"{self._run}/{said.jobid}/{attempt}",
            attempt=attempt,
            features=sized.task.features if sized else {},
            requested=sized.task.requested if sized else allocated,
            allocated=allocated,
            estimate_token=sized.estimate_token if sized else b"",
        )
        self._running[said.jobid] = Running(job, attempt, execution, said.benchmark, said.shellcmd)

    def _end(self, jobid: int, outcome: foresize.Outcome) -> None:
        running = self._running.pop(jobid, None)
        if running is None:
            return
        attempts.ended(running.job, running.attempt, outcome)
        used = read_benchmark(running.benchmark) if outcome == "succeeded" else None
        source: foresize.Source = "unknown" if used is None else "sampled"
        waited = foresize.Resources(duration_ms=(time.monotonic() - running.started_s) * 1000)
        running.execution.end(outcome, used or waited, source)


def _outcome(errors: List[str], oom_kills: int) -> foresize.Outcome:
    """Of a job that failed, from what its executor said: a state of Slurm, or the signal or exit status of its shell."""
    said = " ".join(errors)
    if re.search(r"OUT_OF_ME", said):
        return "out-of-memory"
    if re.search(r"\bTIMEOUT\b|DEADLINE", said):
        return "timed-out"
    if re.search(r"PREEMPTED|NODE_FAIL|BOOT_FAIL", said):
        return "evicted"
    is_killed = re.search(r"exit (status|code) (137|-9)\b|SIGKILL", said) is not None
    return "out-of-memory" if is_killed and oom_kills > 0 else "failed"
