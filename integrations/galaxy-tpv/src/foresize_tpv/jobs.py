"""What is known of jobs in this handler, between their rule and their end. Bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Optional

import foresize

max_jobs = 100_000
"""Jobs that are remembered; the oldest are forgotten first, and are reported without their estimate."""


@dataclass(frozen=True)
class Known:
    sized: foresize.Sized
    outcome: Optional[foresize.Outcome] = None
    """Of the last attempt, once it has ended."""


class Jobs:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: "OrderedDict[int, Known]" = OrderedDict()

    def get(self, job_id: int) -> Optional[Known]:
        with self._lock:
            return self._known.get(job_id)

    def decided(self, job_id: int, sized: foresize.Sized) -> None:
        self._set(job_id, Known(sized))

    def ended(self, job_id: int, outcome: foresize.Outcome) -> Optional[foresize.Sized]:
        """As what it was sized; None for one that is not known, or has ended."""
        known = self.get(job_id)
        if known is None or known.outcome is not None:
            return None
        self._set(job_id, Known(known.sized, outcome))
        return known.sized

    def _set(self, job_id: int, known: Known) -> None:
        with self._lock:
            self._known[job_id] = known
            self._known.move_to_end(job_id)
            while len(self._known) > max_jobs:
                self._known.popitem(last=False)


jobs = Jobs()
