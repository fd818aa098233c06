"""What names an attempt at a task, and who reports it."""

from __future__ import annotations

from typing import Any

from foresize_airflow.names import task_name

flush_ms = 2000
"""Longest wait at the end of a task for what is unsent."""

_is_left_to_command = False


def task_of(ti: Any) -> str:
    return task_name(ti.dag_id, ti.task_id)


def execution_of(ti: Any) -> str:
    return f"{ti.dag_id}/{ti.task_id}/{ti.run_id}/{ti.map_index}/{ti.try_number}"


def leave_to_command() -> None:
    """The task's command is its execution, not the process around it."""
    global _is_left_to_command
    _is_left_to_command = True


def is_left_to_command() -> bool:
    """Of the task that has just ended."""
    global _is_left_to_command
    was, _is_left_to_command = _is_left_to_command, False
    return was
