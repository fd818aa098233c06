"""The decisions that the sizers of every language share: test/conformance/decisions."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Mapping, Optional

import pytest

from conftest import root
from foresize import Estimate, LearningConfig, LearningOverride, Notice, Policy, Resources, SchedulableTask
from foresize.next_attempt import default_max_attempts, default_retried, next_attempt
from foresize.sizing import Answer, SizingInput, Unavailable, size

Json = Dict[str, Any]
lines = (root / "test" / "conformance" / "decisions" / "decisions.jsonl").read_text().splitlines()


def of_kind(kind: str) -> Iterator[Json]:
    return (case for case in map(json.loads, lines) if case["kind"] == kind)


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def resources(values: Optional[Mapping[str, float]]) -> Resources:
    return Resources(**{snake(name): value for name, value in (values or {}).items()})


def settings(values: Json) -> Json:
    """As keyword arguments."""
    read: Json = {}
    for name, value in values.items():
        if name in ("overhead", "min", "max", "defaults"):
            value = resources(value)
        elif name == "dimensions":
            value = tuple(map(snake, value))
        elif name == "overrides":
            value = tuple(LearningOverride(**settings(each)) for each in value)
        read["update_interval_ms" if name == "updateInterval" else snake(name)] = value
    return read


def answer(said: Json) -> Answer:
    if "unavailable" in said:
        return Unavailable(said["unavailable"])
    notices = tuple(Notice(notice["kind"], notice.get("subject", "")) for notice in said["notices"])
    return Estimate(
        resources(said["resources"]), said["confidence"], said["source"], said["reason"], said["executions"], notices=notices
    )


def plain(given: Resources) -> Json:
    def camel(name: str) -> str:
        return re.sub("_(.)", lambda letter: letter[1].upper(), name)

    return {camel(name): value for name, value in vars(given).items() if value is not None}


def test_what_a_task_is_given_is_as_decided() -> None:
    decided = 0
    for case in of_kind("sizing"):
        config = LearningConfig(**settings(case.get("config", {})))
        own = config.settings_for(**case["task"])
        is_asked = own.enabled and own.mode != "off"
        sizing = size(
            SizingInput(
                settings=own,
                answer=answer(case["answer"]) if is_asked else None,
                explicit=resources(case.get("explicit")),
                requested=resources(case.get("requested")),
                defaults=config.defaults,
                previous_allocation=resources(case.get("previousAllocation")),
                previous_outcome=case.get("previousOutcome"),
            )
        )
        decision: Json = {
            "sizing": {
                "allocated": plain(sizing.allocated),
                "reason": sizing.reason,
                "explanation": sizing.explanation,
                **({} if sizing.advice is None else {"advice": plain(sizing.advice)}),
            }
        }
        if is_asked:
            decision["policy"] = {
                name: plain(value) if isinstance(value, Resources) else value
                for name, value in vars(own.policy()).items()
                if value not in (None, ())
            }
        assert decision == case["decision"], case["law"]
        decided += 1
    assert decided > 100


def test_whether_there_is_a_next_attempt_is_as_decided() -> None:
    def attempt(values: Json) -> SchedulableTask:
        return SchedulableTask(
            task="t",
            execution_id=values["executionId"],
            attempt=values.get("attempt", 1),
            explicit=resources(values.get("explicit")),
            previous_allocation=resources(values.get("previousAllocation")),
            previous_outcome=values.get("previousOutcome"),
        )

    decided: List[bool] = []
    for case in of_kind("retry"):
        following = next_attempt(
            attempt(case["first"]),
            attempt(case["last"]),
            case["end"]["outcome"],
            resources(case["end"]["allocated"]),
            case.get("retried", default_retried),
            case.get("maxAttempts", default_max_attempts),
        )
        assert following == (None if case["next"] is None else attempt(case["next"])), case["law"]
        decided.append(following is not None)
    assert True in decided and False in decided


def test_what_makes_no_sense_is_refused_by_name() -> None:
    for case in of_kind("refused"):
        name = case["setting"].replace("learning.", "").replace("updateInterval", "updateIntervalMs")
        with pytest.raises(ValueError, match=f"^{re.escape(snake(name))} "):
            LearningConfig(**settings(case["config"]))


def test_a_policy_can_be_part_of_a_question() -> None:
    assert hash(Policy(risk=0.1, min=Resources(memory_bytes=1))) == hash(Policy(risk=0.1, min=Resources(memory_bytes=1)))
