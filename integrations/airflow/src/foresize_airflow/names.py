"""How a task is named: as the admission webhook for Kubernetes names it, so that each learns for the other."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

pod_namespace_file = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def task_name(dag_id: str, task_id: str) -> str:
    return f"airflow/{dag_id}/{task_id}"


def namespace() -> Optional[str]:
    """Of the Pod that this runs in; None elsewhere: the client's own."""
    try:
        return pod_namespace_file.read_text().strip() or None
    except OSError:
        return None
