"""Sizes Airflow's tasks by what they used before, and reports what they use."""

from __future__ import annotations

from foresize_airflow.commands import run
from foresize_airflow.pods import pod_mutation_hook

__all__ = ["pod_mutation_hook", "run"]
