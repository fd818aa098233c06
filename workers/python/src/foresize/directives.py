"""What the server asked of each task. The share reported is drawn per execution, so that counts stay unbiased."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Callable, Tuple

from foresize.v1 import profiler_service_pb2

max_tasks = 10_000
"""Tasks remembered; the one heard of longest ago goes first, and is reported whole again."""


@dataclass(frozen=True)
class Decision:
    is_reported: bool
    weight: float
    """Executions that a reported one stands for."""
    min_sample_interval_ms: int


class Directives:
    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._by_task: OrderedDict[Tuple[str, str], Tuple[float, int]] = OrderedDict()

    def receive(self, directive: profiler_service_pb2.SamplingDirective) -> None:
        fraction = directive.execution_fraction
        if not 0 < fraction <= 1:
            return
        key = (directive.task.namespace, directive.task.task)
        self._by_task[key] = (fraction, directive.min_sample_interval_ms)
        self._by_task.move_to_end(key)
        if len(self._by_task) > max_tasks:
            self._by_task.popitem(last=False)

    def decide(self, namespace: str, task: str) -> Decision:
        fraction, interval_ms = self._by_task.get((namespace, task), (1.0, 0))
        return Decision(fraction == 1 or self._draw() < fraction, 1 / fraction, interval_ms)
