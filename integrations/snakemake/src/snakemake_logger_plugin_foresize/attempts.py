"""What is known of a job's attempts, between who sizes them and who hears how they end. Bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

import foresize

max_jobs = 100_000
"""Jobs that are remembered; the oldest are forgotten first."""

end_within_s = 2.0
"""Snakemake tells its plugins by a queue: how an attempt ended may be heard after the next one is sized."""


@dataclass(frozen=True)
class Job:
    rule: str
    wildcards: Tuple[Tuple[str, str], ...]

    @staticmethod
    def of(rule: str, wildcards: Any) -> "Job":
        """`wildcards`: as a function of a rule gets them, or as a log record has them."""
        pairs: Mapping[str, Any] = dict(wildcards.items())
        return Job(rule, tuple(sorted((name, str(value)) for name, value in pairs.items())))


class Attempts:
    """Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sized: "OrderedDict[Job, Dict[int, foresize.Sized]]" = OrderedDict()
        self._ended: "OrderedDict[Tuple[Job, int], foresize.Outcome]" = OrderedDict()
        self.is_heard = False
        """The plugin is on, so that ends are told."""

    def decided(self, job: Job, sized: foresize.Sized) -> None:
        with self._changed:
            self._sized.setdefault(job, {})[sized.task.attempt] = sized
            self._sized.move_to_end(job)
            while len(self._sized) > max_jobs:
                self._sized.popitem(last=False)

    def last(self, job: Job, attempt: int) -> Optional[foresize.Sized]:
        with self._changed:
            return self._sized.get(job, {}).get(attempt)

    def ended(self, job: Job, attempt: int, outcome: foresize.Outcome) -> None:
        with self._changed:
            self._ended[(job, attempt)] = outcome
            while len(self._ended) > max_jobs:
                self._ended.popitem(last=False)
            self._changed.notify_all()

    def wait_for_end(self, job: Job, attempt: int) -> foresize.Outcome:
        """Without the plugin it is taken for a want of memory, as `mem_mb=lambda wildcards, attempt:` does."""
        with self._changed:
            if self.is_heard:
                self._changed.wait_for(lambda: (job, attempt) in self._ended, end_within_s)
            return self._ended.get((job, attempt), "out-of-memory")


attempts = Attempts()
"""Of this workflow: the plugin and the Snakefile meet here."""
