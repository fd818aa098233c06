"""Does with the Python SDK what the lines on standard input say; the protocol is in ../vector.ts."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import sys
from typing import Any, Dict, Iterator, List, Optional

import foresize

worker: Optional[foresize.Worker] = None
executions: Dict[str, foresize.Execution] = {}
problems: List[foresize.Problem] = []


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda match: "_" + match.group().lower(), name)


def camel(values: Dict[str, Any]) -> Dict[str, Any]:
    return {
        re.sub("_(.)", lambda match: match.group(1).upper(), name): value
        for name, value in values.items()
        if value is not None
    }


def resources(values: Optional[Dict[str, float]]) -> foresize.Resources:
    return foresize.Resources(**{snake(name): value for name, value in (values or {}).items()})


def ids(operation: Dict[str, Any]) -> Iterator[str]:
    if "count" not in operation:
        yield operation["id"]
        return
    for i in range(operation["count"]):
        yield f"{operation['id']}{i}"


def perform(operation: Dict[str, Any]) -> Dict[str, Any]:
    global worker
    op = operation["op"]
    if op == "worker":
        options = {snake(name): value for name, value in operation["options"].items()}
        worker = foresize.Worker(options.pop("target"), on_problem=problems.append, **options)
        return {}
    if op == "estimate":
        with foresize.Estimator(operation["target"], namespace=operation["namespace"], deadline_ms=10_000) as asked:
            estimate = asked.estimate(operation["task"], features=operation["features"])
        return {
            "executions": estimate.executions,
            "memoryBytes": estimate.resources.memory_bytes,
            "confidence": estimate.confidence,
        }
    assert worker is not None, "there is no worker yet"
    if op == "start":
        recorded = 0
        for execution_id in ids(operation):
            execution = worker.start(
                operation["task"],
                execution_id=execution_id,
                attempt=operation.get("attempt", 1),
                features=operation.get("features"),
                labels=operation.get("labels"),
                requested=resources(operation.get("requested")),
                allocated=resources(operation.get("allocated")),
                estimate_token=base64.b64decode(operation.get("estimateToken", "")),
            )
            if execution.is_recorded or execution_id not in executions:
                executions[execution_id] = execution
            recorded += execution.is_recorded
        return {"recorded": recorded}
    if op == "sample":
        for i in range(operation.get("samples", 1)):
            is_peak = i == operation.get("peakAt")
            for execution_id in ids(operation):
                executions[execution_id].sample(
                    operation["elapsedMs"] + i,
                    cpu_cores=operation.get("cpuCores"),
                    memory_bytes=operation.get("peakBytes" if is_peak else "memoryBytes"),
                )
        return {}
    if op == "end":
        for execution_id in ids(operation):
            executions[execution_id].end(
                operation["outcome"], resources(operation.get("used")), operation.get("source", "unknown")
            )
        return {}
    if op == "run":
        result = worker.run(operation["command"], task=operation["task"])
        return {"outcome": result.outcome, "used": camel(dataclasses.asdict(result.used)), "source": result.source}
    if op == "flush":
        return {"durable": worker.flush(operation["deadlineMs"])}
    if op == "close":
        return {"durable": worker.close(operation["deadlineMs"])}
    if op == "statistics":
        return camel(dataclasses.asdict(worker.statistics()))
    if op == "fields":
        return {"fields": [field for problem in problems for field, _ in problem.violations]}
    raise ValueError(f"there is no operation {op}")


for line in sys.stdin:
    try:
        answer = perform(json.loads(line))
    except Exception as error:  # noqa: BLE001 - the suite judges it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
