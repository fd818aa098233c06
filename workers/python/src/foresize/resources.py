"""What a task uses, is given, and how it ends: the vocabulary of every call."""

from __future__ import annotations

from dataclasses import dataclass, fields

from typing import Literal, Mapping, Optional, Union

from foresize.v1 import execution_pb2, resources_pb2

Outcome = Literal["succeeded", "failed", "out-of-memory", "timed-out", "evicted", "cancelled", "lost"]
"""How one attempt ended. `out-of-memory` and `timed-out`: the true need is above what was seen. `evicted`,
`cancelled` and `lost` say nothing of the task."""

Source = Literal["unknown", "cgroup", "rusage", "sampled", "external"]
"""Who measured the usage."""


@dataclass(frozen=True, repr=False)
class Resources:
    """One value a dimension. None means unknown or not asked; zero means zero."""

    cpu_cores: Optional[float] = None
    """As a usage: the mean over the run, CPU seconds per second."""
    memory_bytes: Optional[float] = None
    """As a usage: the peak of the resident set."""
    disk_bytes: Optional[float] = None
    gpu_memory_bytes: Optional[float] = None
    duration_ms: Optional[float] = None

    def __repr__(self) -> str:
        return f"Resources({', '.join(f'{name}={value:_}' for name, value in self._set())})"

    def __str__(self) -> str:
        """For a person: `0.5 cores, 143 MB memory, 60 s`."""
        return ", ".join(_in_words(name, value) for name, value in self._set()) or "nothing"

    def as_json(self) -> "dict[str, float]":
        """Only what is set."""
        return dict(self._set())

    def _set(self) -> "list[tuple[str, float]]":
        return [(name, value) for name, value in vars(self).items() if value is not None]


def _in_words(dimension: str, value: float) -> str:
    if dimension == "cpu_cores":
        return f"{value:.3g} cores"
    if dimension == "duration_ms":
        return f"{value / 1000:.4g} s"
    kind = dimension[: -len("_bytes")].replace("_", " ")
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.4g} {unit} {kind}"
    return f"{value:.4g} B {kind}"


Given = Union[Resources, Mapping[str, float], None]
"""Resources, or what they are as JSON: `{"memory_bytes": 4e9}`."""


def to_wire(given: Given) -> resources_pb2.Resources:
    """Raises TypeError for a name that is no dimension."""
    message = resources_pb2.Resources()
    resources = given if isinstance(given, Resources) else Resources(**(given or {}))
    for name, value in resources._set():
        setattr(message, name, float(value))
    return message


def from_wire(message: resources_pb2.Resources) -> Resources:
    return Resources(**{field.name: value for field, value in message.ListFields()})


def outcome_to_wire(outcome: Outcome) -> execution_pb2.Outcome.ValueType:
    """Raises ValueError for a word that is none."""
    return execution_pb2.Outcome.Value(f"OUTCOME_{_upper(outcome)}")


def source_to_wire(source: Source) -> execution_pb2.MeasurementSource.ValueType:
    """Raises ValueError for a word that is none."""
    word = "UNSPECIFIED" if source == "unknown" else _upper(source)
    return execution_pb2.MeasurementSource.Value(f"MEASUREMENT_SOURCE_{word}")


def _upper(word: str) -> str:
    return word.upper().replace("-", "_")


dimensions = tuple(field.name for field in fields(Resources))

limits = {"cpu_cores": 1e6, "memory_bytes": 1e16, "disk_bytes": 1e18, "gpu_memory_bytes": 1e16, "duration_ms": 1e12}
"""The largest value that is not absurd."""
