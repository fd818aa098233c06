from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Iterator

import grpc
import pytest

import foresize
from conftest import Profiler, Service, wait_until


@pytest.fixture(scope="module")
def estimator(profiler: Profiler) -> Iterator[Service]:
    service = Service("estimator", "127.0.0.1:0", "--profiler", profiler.address)
    yield service
    service.end(signal.SIGTERM)


def test_what_was_learned_is_asked_for_and_scored(profiler: Profiler, estimator: Service) -> None:
    with foresize.Worker(profiler.address) as worker, foresize.Estimator(estimator.address, deadline_ms=20_000) as asks:

        def run_once(megabytes: float, estimate_token: bytes = b"") -> None:
            execution = worker.start(
                "py/sized", features={"input_bytes": megabytes * 1e6}, estimate_token=estimate_token
            )
            used = foresize.Resources(memory_bytes=megabytes * 3e6, cpu_cores=1, duration_ms=1000 * megabytes)
            execution.end("succeeded", used, "rusage")

        for i in range(30):
            run_once(50 + i)
        assert worker.flush()
        wait_until(lambda: asks.estimate("py/sized", features={"input_bytes": 60e6}).executions == 30)

        estimate = asks.estimate("py/sized", features={"input_bytes": 60e6})
        assert estimate.source == "profile"
        assert estimate.resources.memory_bytes is not None
        assert 180e6 <= estimate.resources.memory_bytes < 260e6
        assert 0.5 < estimate.confidence <= 1
        enough = asks.confidence("py/sized", foresize.Resources(memory_bytes=1e9), features={"input_bytes": 60e6})
        too_little = asks.confidence("py/sized", foresize.Resources(memory_bytes=1e7), features={"input_bytes": 60e6})
        assert enough.confidence > 0.9 and too_little.confidence < 0.1

        beyond = asks.estimate("py/sized", features={"input_bytes": 790e6}).notices
        assert [(n.kind, n.subject, n.number) for n in beyond] == [("beyond-range", "input_bytes", 10.0)]
        wrong = asks.confidence("py/sized", features={"input_byte": 60e6}).notices
        assert [(n.kind, n.subject, n.nearest) for n in wrong] == [
            ("unknown-feature", "input_byte", ("input_bytes",)),
            ("missing-feature", "input_bytes", ()),
        ]

        run_once(60, estimate.token)
        assert worker.flush()
        assert profiler.profile("py/sized").accuracy


def test_a_policy_bounds_the_answer_and_a_retry_raises_it(estimator: Service) -> None:
    with foresize.Estimator(estimator.address, deadline_ms=20_000) as asks:
        bounded = asks.estimate("py/sized", policy=foresize.Policy(max=foresize.Resources(memory_bytes=100e6)))
        assert bounded.resources.memory_bytes == 100e6
        assert [n.dimension for n in bounded.notices if n.kind == "clamped"] == ["memory_bytes"]
        raised = asks.estimate(
            "py/sized",
            attempt=2,
            previous_allocation=foresize.Resources(memory_bytes=400e6),
            previous_outcome="out-of-memory",
        )
        assert raised.resources.memory_bytes is not None and raised.resources.memory_bytes > 400e6


def test_an_estimator_that_is_not_there_raises_or_falls_back() -> None:
    with foresize.Estimator("127.0.0.1:1", deadline_ms=300) as asks:
        with pytest.raises(grpc.RpcError):
            asks.estimate("py/any")
        answer = asks.estimate("py/any", fallback=foresize.Resources(memory_bytes=7))
        assert (answer.source, answer.resources.memory_bytes, answer.confidence) == ("fallback", 7, 0)


def test_a_fork_is_answered_or_told_within_its_deadline(profiler: Profiler, estimator: Service) -> None:
    script = (
        "import foresize, os, socket, sys, time, grpc\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "asks = foresize.Estimator(deadline_ms=20_000)\n"
        "asks.estimate('py/forked')\n"
        "silent = socket.create_server(('127.0.0.1', 0))\n"
        "away = foresize.Estimator(f'127.0.0.1:{silent.getsockname()[1]}', deadline_ms=1500)\n"
        "def child():\n"
        "  with ThreadPoolExecutor(4) as pool:\n"
        "    answers = list(pool.map(lambda _: asks.estimate('py/forked'), range(8)))\n"
        "  assert all(answer.source != 'fallback' for answer in answers)\n"
        "  assert foresize.Estimator(deadline_ms=20_000).confidence('py/forked').source\n"
        "  began = time.monotonic()\n"
        "  try: away.estimate('py/forked'); return 1\n"
        "  except grpc.RpcError as error: assert error.code().name in ('DEADLINE_EXCEEDED', 'UNAVAILABLE'), error\n"
        "  assert time.monotonic() - began < 10\n"
        "  assert away.estimate('py/forked', fallback=foresize.Resources()).source == 'fallback'\n"
        "  return 0\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(child())\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert asks.estimate('py/forked').source != 'fallback'\n"
    )
    environment = {
        **os.environ,
        "FORESIZE_ESTIMATOR": estimator.address,
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=100)
