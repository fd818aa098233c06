"""What a job is given, for `mem:` of TPV's rules."""

from __future__ import annotations

from typing import Any, Mapping, Optional

import foresize

from foresize_tpv.jobs import jobs
from foresize_tpv.metrics import report_through

gibibyte = float(1 << 30)
"""TPV counts memory and input in these."""


def mem_gb(
    app: Any,
    job: Any,
    tool: Any,
    input_size: float,
    default: float,
    *,
    features: Optional[Mapping[str, float]] = None,
    sizer: Optional[foresize.Sizer] = None,
) -> float:
    """GiB for the job. `app`, `job`, `tool` and `input_size` are as TPV's rules have them.

    default: what the rule would ask for: given until enough is known, and where foresize is away.
    features: numbers that the need follows from, beside `input_bytes`.
    sizer: one with settings of its own.
    """
    report_through(app.job_metrics)
    asks = sizer or _default_sizer()
    known = jobs.get(job.id)
    if known is None:
        sized = asks.size(
            _task_of(tool),
            execution_id=f"galaxy/{job.id}",
            features={"input_bytes": input_size * gibibyte, **(features or {})},
            requested=foresize.Resources(memory_bytes=default * gibibyte),
        )
    elif known.outcome is None:
        # TPV evaluates a rule more than once for a job.
        sized = known.sized
    else:
        sized = asks.retry(known.sized, known.outcome) or asks.resize(known.sized)
    jobs.decided(job.id, sized)
    return (sized.allocated.memory_bytes or default * gibibyte) / gibibyte


def _task_of(tool: Any) -> str:
    """Without its version, so that an upgrade does not begin anew: `toolshed.g2.bx.psu.edu/repos/iuc/bwa/bwa`."""
    name, version = str(tool.id), str(getattr(tool, "version", None) or "")
    return name[: -len(version) - 1] if version and name.endswith(f"/{version}") else name


_sizer: Optional[foresize.Sizer] = None


def _default_sizer() -> foresize.Sizer:
    global _sizer
    if _sizer is None:
        _sizer = foresize.Sizer()
    return _sizer
