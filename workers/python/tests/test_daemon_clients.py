"""Clients of daemons, told apart by the same vectors in every language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Optional

import pytest

import foresize
from foresize.daemon_clients import daemon_client

vectors = json.loads(
    (Path(__file__).parents[3] / "test" / "conformance" / "daemon-clients.json").read_text()
)


@pytest.mark.parametrize("vector", vectors, ids=lambda vector: " ".join(vector["command"]))
def test_a_command_asks_a_daemon(vector: "dict[str, object]") -> None:
    command: List[str] = vector["command"]  # type: ignore[assignment]
    client: Optional[str] = vector["client"]  # type: ignore[assignment]
    assert daemon_client(command) == client


def test_whoever_runs_one_is_told_once_that_the_client_is_measured(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\n")
    docker.chmod(0o755)
    problems: List[foresize.Problem] = []
    worker = foresize.Worker("127.0.0.1:1", on_problem=problems.append)
    for words in (["run", "image"], ["run", "image"], ["ps"]):
        worker.run([docker, *words], task="contained")
    worker.close(0)
    told = [problem for problem in problems if problem.kind != "disconnected"]
    assert [(problem.kind, problem.task) for problem in told] == [("measures-client", "contained")]
    assert "docker run only asks a daemon" in told[0].message
