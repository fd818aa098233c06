"""The real profiler and estimator, as processes of their own."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Callable, Iterator, List, Optional

import pytest

import foresize  # Before gRPC: else it would do without it in this process.
import grpc
from foresize.v1 import execution_pb2, profile_pb2, profiler_service_pb2, profiler_service_pb2_grpc

root = Path(__file__).resolve().parents[3]
pinned_node = root / "node_modules" / "node" / "bin" / "node"


class Service:
    def __init__(self, name: str, listen: str, *flags: str) -> None:
        self._command = [str(pinned_node), str(root / "services" / name / "main.ts")]
        self._flags = list(flags)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.address = ""
        self.start(listen)

    def start(self, listen: Optional[str] = None) -> None:
        command = [*self._command, "--metrics-listen=", "--listen", listen or self.address, *self._flags]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        lines: "queue.Queue[bytes]" = queue.Queue()
        threading.Thread(target=_read_lines, args=(self._process.stderr, lines), daemon=True).start()
        said: List[bytes] = []
        while not said or b'"serving"' not in said[-1]:
            said.append(lines.get(timeout=30))
            assert said[-1], f"{command} did not start: {said}"
        self.address = json.loads(said[-1])["address"]

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self.kill(number)
        self._process.wait()


def _read_lines(stream: "IO[bytes]", lines: "queue.Queue[bytes]") -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


class Profiler(Service):
    def profile(self, task: str, namespace: str = "default") -> profile_pb2.Profile:
        with grpc.insecure_channel(self.address) as channel:
            key = profile_pb2.ProfileKey(namespace=namespace, task=task, kind=profile_pb2.PROFILE_KIND_TASK)
            stub = profiler_service_pb2_grpc.ProfilerServiceStub(channel)
            request = profiler_service_pb2.GetProfileRequest(key=key)
            return stub.GetProfile(request, timeout=10).profile

    def counts(self, task: str, namespace: str = "default") -> "dict[str, float]":
        """Executions by outcome, for example {"SUCCEEDED": 3}."""
        return {
            execution_pb2.Outcome.Name(count.outcome)[len("OUTCOME_") :]: count.count
            for count in self.profile(task, namespace).outcomes
        }


# Above what any test reports: counts stay exact.
everything = ("--max-reported-per-second", "1000000", "--max-samples-per-second", "1000000", "--log-level", "info")


@pytest.fixture(scope="session")
def profiler() -> Iterator[Profiler]:
    service = Profiler("profiler", "127.0.0.1:0", "--store", "memory", *everything)
    yield service
    service.end(signal.SIGTERM)


@pytest.fixture
def start_profiler(tmp_path: Path) -> Iterator[Callable[..., Profiler]]:
    """Profilers of the test's own, for it to kill."""
    started: List[Profiler] = []

    def start(store: str = "lmdb", *flags: str) -> Profiler:
        stored = ("--store", store, "--data-dir", str(tmp_path / "data"))
        started.append(Profiler("profiler", "127.0.0.1:0", *stored, *everything, *flags))
        return started[-1]

    yield start
    for service in started:
        service.end(signal.SIGKILL)
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


@pytest.fixture
def worker(profiler: Profiler) -> Iterator[foresize.Worker]:
    made = foresize.Worker(profiler.address)
    yield made
    made.close()


def wait_until(holds: Callable[[], bool], within_s: float = 40) -> None:
    """A call that fails, to a service that is busy or just starting, counts as one that does not hold yet."""
    end_s = time.monotonic() + within_s
    while True:
        last: Optional[Exception] = None
        try:
            if holds():
                return
        except grpc.RpcError as error:
            last = error
        assert time.monotonic() < end_s, f"it did not come to hold: {last}"
        time.sleep(0.01)


def python_environment(profiler: Profiler) -> "dict[str, str]":
    return {**os.environ, "FORESIZE_PROFILER": profiler.address}
