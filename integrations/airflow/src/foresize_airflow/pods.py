"""Sizes the pods of KubernetesExecutor before they are made: those in which Airflow's own process runs the task."""

from __future__ import annotations

import json
import math
from typing import Any, Dict, Optional

import foresize

from foresize_airflow.names import task_name

known_variable = "FORESIZE_AIRFLOW_KNOWN"
"""In the pod: what the task's own process reports with what it used."""

feature_prefix = "foresize.dev/feature."
"""Of annotations: `foresize.dev/feature.input_bytes: "2e9"`."""

factors = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def pod_mutation_hook(pod: Any) -> None:
    """Sets the memory of the pod's first container, request and limit, to what its task needs. What the pod asks for
    already is its request: given until enough is known, and where foresize is away. A pod that asks for nothing stays as
    it is, and so does one of KubernetesPodOperator: its task's process, which the listener measures, waits elsewhere."""
    names = pod.metadata.annotations or {}
    labels = pod.metadata.labels or {}
    dag, task = names.get("dag_id") or labels.get("dag_id"), names.get("task_id") or labels.get("task_id")
    container = pod.spec.containers[0]
    asked = _requested(container)
    if not dag or not task or asked is None or labels.get("kubernetes_pod_operator") == "True":
        return
    sized = _sizer().size(
        task_name(dag, task),
        namespace=pod.metadata.namespace,
        features=_features(names),
        requested=foresize.Resources(memory_bytes=asked),
        attempt=int(names.get("try_number") or labels.get("try_number") or 1),
    )
    given = sized.allocated.memory_bytes or asked
    amount = f"{math.ceil(given / 2**20)}Mi"
    resources = container.resources
    resources.requests = {**(resources.requests or {}), "memory": amount}
    resources.limits = {**(resources.limits or {}), "memory": amount}
    # The attempt names itself, by what Airflow tells it.
    known = {name: sized.known[name] for name in ("namespace", "features", "requested", "allocated", "estimate_token")}
    container.env = [*(container.env or []), _variable(json.dumps(known))]


def _variable(value: str) -> Any:
    from kubernetes.client import models

    return models.V1EnvVar(name=known_variable, value=value)


def _requested(container: Any) -> Optional[float]:
    resources = container.resources
    if resources is None:
        return None
    amount = (resources.requests or {}).get("memory") or (resources.limits or {}).get("memory")
    return None if amount is None else _bytes(str(amount))


def _bytes(amount: str) -> Optional[float]:
    """As Kubernetes writes it; None for what is none."""
    digits = amount.rstrip("kMGTi")
    try:
        return float(digits) * factors[amount[len(digits) :]]
    except (KeyError, ValueError):
        return None


def _features(annotations: Dict[str, str]) -> Dict[str, float]:
    features: Dict[str, float] = {}
    for name, value in annotations.items():
        if name.startswith(feature_prefix):
            try:
                features[name[len(feature_prefix) :]] = float(value)
            except ValueError:
                continue
    return features


_made: Optional[foresize.Sizer] = None


def _sizer() -> foresize.Sizer:
    """In the scheduler's process, which shall not wait."""
    global _made
    if _made is None:
        _made = foresize.Sizer()
    return _made
