from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from typing import Iterator, List

import pytest

import foresize
from conftest import Profiler, Service, wait_until

GB = 1e9
asked = foresize.Resources(memory_bytes=4 * GB)


@pytest.fixture(scope="module")
def estimator(profiler: Profiler) -> Iterator[Service]:
    service = Service("estimator", "127.0.0.1:0", "--profiler", profiler.address)
    yield service
    service.end(9)


def learn(profiler: Profiler, task: str, count: int = 20) -> None:
    with foresize.Worker(profiler.address) as worker:
        for i in range(count):
            execution = worker.start(task, features={"input_bytes": (50 + i) * 1e6})
            used = foresize.Resources(memory_bytes=(50 + i) * 3e6, cpu_cores=1, duration_ms=1000)
            execution.end("succeeded", used, "rusage")
        assert worker.flush(20_000)


def test_a_task_is_sized_run_and_scored(profiler: Profiler, estimator: Service) -> None:
    learn(profiler, "py/sizer")
    with foresize.Estimator(estimator.address, deadline_ms=20_000) as asks, foresize.Sizer(estimator=asks) as sizer:
        wait_until(lambda: asks.estimate("py/sizer").executions == 20)
        sized = sizer.size("py/sizer", features={"input_bytes": 60e6}, requested=asked)
        assert sized.reason == "learned" and sized.confidence is not None and sized.confidence > 0.5
        assert sized.allocated.memory_bytes is not None and 180e6 <= sized.allocated.memory_bytes < 300e6
        assert "MB memory" in repr(sized) and "learned" in repr(sized) and "token" not in repr(sized)
        assert pickle.loads(pickle.dumps(sized)) == sized

        with foresize.Worker(profiler.address) as worker, worker.profile(**json.loads(json.dumps(sized.known))):
            pass
        (last,) = [e for e in profiler.profile("py/sizer").executions if e.execution_id == sized.task.execution_id]
        assert last.allocated.memory_bytes == sized.allocated.memory_bytes
        assert last.requested.memory_bytes == 4 * GB
        assert profiler.profile("py/sizer").accuracy, "the token came back"

        more = sizer.retry(sized, "out-of-memory")
        assert more is not None and (more.task.attempt, more.reason) == (2, "escalated")
        assert more.allocated.memory_bytes is not None and more.allocated.memory_bytes > sized.allocated.memory_bytes
        assert more.task.execution_id == f"{sized.task.execution_id}/2"
        again = sizer.retry(more, "evicted")
        assert again is not None and again.task.execution_id == f"{sized.task.execution_id}/3"
        assert sizer.retry(sized, "failed") is None
        assert sizer.resize(sized).task == sized.task


def test_the_request_is_given_until_enough_is_known(estimator: Service) -> None:
    config = foresize.LearningConfig(min_executions=30, overrides=(foresize.LearningOverride(task="py/none", mode="off"),))
    with foresize.Sizer(config, estimator=foresize.Estimator(estimator.address, deadline_ms=20_000)) as sizer:
        assert sizer.size("py/sizer", requested=asked).reason == "too-few-executions"
        assert sizer.size("py/none", requested=asked).reason == "off"
        assert sizer.size("py/sizer", requested=asked).allocated.memory_bytes == 4 * GB
    with foresize.Sizer(
        foresize.LearningConfig(mode="shadow"), estimator=foresize.Estimator(estimator.address, deadline_ms=20_000)
    ) as sizer:
        sized = sizer.size("py/sizer", requested=asked)
        assert (sized.reason, sized.allocated, sized.advice) == ("shadow", asked, None)
        assert sized.estimate_token, "and yet it is scored"


def test_answers_are_kept_bounded_and_serve_while_the_estimator_is_away(profiler: Profiler) -> None:
    own = Service("estimator", "127.0.0.1:0", "--profiler", profiler.address)
    try:
        asks = foresize.Estimator(own.address, deadline_ms=20_000)
        config = foresize.LearningConfig(update_interval_ms=0)
        with foresize.Sizer(config, estimator=asks, max_answers=3, pause_ms=60_000) as sizer:
            wait_until(lambda: asks.estimate("py/sizer").executions >= 20)
            known = sizer.size("py/sizer", features={"input_bytes": 60e6}, requested=asked)
            assert known.reason == "learned"
            own.end(9)
            last = sizer.size("py/sizer", features={"input_bytes": 60e6}, requested=asked)
            assert (last.reason, last.allocated) == ("learned", known.allocated)
            for n in range(5):
                sized = sizer.size("py/sizer", features={"input_bytes": n}, requested=asked)
                assert (sized.reason, sized.allocated) == ("unavailable", asked)
            assert "did not answer lately" in sized.explanation
            counts = sizer.statistics()
            assert (counts["outdated"], counts["unavailable"], counts["asks"]) == (1, 5, 7)
            retry = sizer.size(
                "py/other", requested=asked, attempt=2, previous_allocation=asked, previous_outcome="out-of-memory"
            )
            assert (retry.reason, retry.allocated.memory_bytes) == ("escalated", 8 * GB)
    finally:
        own.end(9)


def test_the_same_question_is_asked_once_in_a_while_by_any_number_of_threads(estimator: Service) -> None:
    asks = foresize.Estimator(estimator.address, deadline_ms=20_000)
    with foresize.Sizer(estimator=asks, max_answers=2) as sizer:
        given: List[foresize.Sized] = []

        def ask() -> None:
            for n in range(50):
                given.append(sizer.size("py/sizer", features={"input_bytes": 60e6 + n % 2}, requested=asked))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {sized.reason for sized in given} == {"learned"} and len(given) == 400
        counts = sizer.statistics()
        assert counts["asks"] + counts["cached"] == 400 and counts["asks"] <= 16


def test_what_cannot_be_asked_is_given_its_request(estimator: Service) -> None:
    with foresize.Sizer(estimator=foresize.Estimator(estimator.address, deadline_ms=20_000)) as sizer:
        nonsense: List[object] = ["large", [1], None]
        for value in nonsense:
            sized = sizer.size("py/sizer", features={"input_bytes": value}, requested=asked)  # type: ignore[dict-item]
            assert (sized.reason, sized.allocated) == ("unavailable", asked)
        refused = sizer.size("py/sizer", features={"input_bytes": float("nan")}, requested=asked)
        assert refused.reason == "unavailable" and "features" in refused.explanation
        assert sizer.size("py/sizer", requested=asked).reason != "unavailable", "none of that counts as a failure"


def test_an_estimator_that_is_silent_is_waited_for_no_longer_than_the_deadline() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        asks = foresize.Estimator(f"127.0.0.1:{silent.getsockname()[1]}", deadline_ms=200)
        with foresize.Sizer(estimator=asks, pause_ms=60_000) as sizer:
            began = time.monotonic()
            for _ in range(100):
                assert sizer.size("py/silent", requested=asked).allocated == asked
            # Three deadlines, then nobody is asked. A hundred would be twenty seconds.
            assert time.monotonic() - began < 15


def test_a_fork_sizes_too_once_its_own_process_has_started(profiler: Profiler, estimator: Service) -> None:
    script = (
        "import foresize, os, time\n"
        "config = foresize.LearningConfig(update_interval_ms=0)\n"
        "sizer = foresize.Sizer(config, estimator=foresize.Estimator(deadline_ms=250), max_answers=1, pause_ms=10)\n"
        "asked = foresize.Resources(memory_bytes=4e9)\n"
        "def once(n): return sizer.size('py/sizer', features={'input_bytes': 60e6 + n}, requested=asked)\n"
        "def learned(n): \n"
        "  end = time.monotonic() + 60\n"
        "  while time.monotonic() < end:\n"
        "    if once(n).reason == 'learned': return True\n"
        "  return False\n"
        "assert learned(1)\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(0 if learned(2) else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
        "assert learned(3)\n"
    )
    environment = {
        **os.environ,
        "FORESIZE_ESTIMATOR": estimator.address,
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=200)


def test_what_is_known_of_each_call_goes_with_a_decorated_function(profiler: Profiler, worker: foresize.Worker) -> None:
    @worker.profile(
        "py/decorated-sized",
        features=lambda path, **_: {"input_bytes": len(path)},
        execution_id=lambda path, job: job,
        attempt=lambda path, job: 2,
        estimate_token=lambda path, job: "AAEC",
        allocated=lambda path, job: foresize.Resources(memory_bytes=7),
    )
    def measure(path: str, *, job: str) -> str:
        return path

    assert measure("abc", job="job-1") == "abc"
    assert worker.flush()
    (record,) = profiler.profile("py/decorated-sized").executions
    assert (record.execution_id, record.attempt, record.allocated.memory_bytes) == ("job-1", 2, 7)
    assert dict(record.features) == {"input_bytes": 3}


def test_values_say_what_they_are() -> None:
    given = foresize.Resources(cpu_cores=0.5, memory_bytes=143e6, duration_ms=60_000)
    assert str(given) == "0.5 cores, 143 MB memory, 60 s"
    assert eval(repr(given), {"Resources": foresize.Resources}) == given
    assert repr(foresize.Resources()) == "Resources()" and str(foresize.Resources()) == "nothing"
    with foresize.Sizer(foresize.LearningConfig(mode="off")) as sizer:
        assert repr(sizer) == "<Sizer of <Estimator at localhost:7071>>"
        assert repr(sizer.size("t", requested=given)) == (
            "<Sized t: 0.5 cores, 143 MB memory, 60 s (off: learning is off)>"
        )
