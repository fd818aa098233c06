"""What Snakemake's own benchmark of a job says that it used."""

from __future__ import annotations

import csv
from typing import Dict, List, Optional

import foresize

mebibyte = 1 << 20


def read_benchmark(path: Optional[str]) -> Optional[foresize.Resources]:
    """None where there is none, or it says nothing. Of a repeated benchmark the most."""
    if path is None:
        return None
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError:
        return None
    seconds = _numbers(rows, "s")
    if not seconds:
        return None
    memory, cpu = _numbers(rows, "max_rss"), _numbers(rows, "cpu_time")
    return foresize.Resources(
        duration_ms=max(seconds) * 1000,
        # A job that was over before the first sample has 0.
        memory_bytes=max(memory) * mebibyte if memory and max(memory) > 0 else None,
        cpu_cores=max(cpu) / max(seconds) if cpu and max(cpu) > 0 and max(seconds) > 0 else None,
    )


def _numbers(rows: List[Dict[str, str]], column: str) -> List[float]:
    """`NA` and `-` left out."""
    values: List[float] = []
    for row in rows:
        try:
            values.append(float(row[column]))
        except (KeyError, TypeError, ValueError):
            continue
    return values
