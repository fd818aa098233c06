from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import json
import signal
import time
from pathlib import Path
from typing import Callable, List

import pytest

import foresize
from conftest import Profiler, Service, wait_until


def test_start_sample_end(profiler: Profiler, worker: foresize.Worker) -> None:
    execution = worker.start("py/basic", features={"input_bytes": 7}, labels={"tool": "x"}, attempt=2)
    execution.sample(100, cpu_cores=1, memory_bytes=500)
    execution.sample(300, cpu_cores=4, memory_bytes=900)
    execution.end("succeeded", foresize.Resources(disk_bytes=3))
    execution.end("failed")
    assert worker.flush()
    profile = profiler.profile("py/basic")
    (record,) = profile.executions
    assert profiler.counts("py/basic") == {"SUCCEEDED": 1}
    assert (record.attempt, dict(record.features), dict(record.labels)) == (2, {"input_bytes": 7}, {"tool": "x"})
    assert (record.used.memory_bytes, record.used.disk_bytes, record.used.duration_ms) == (900, 3, 300)
    assert record.used.cpu_cores == pytest.approx(3)


def test_many_threads_lose_nothing(profiler: Profiler, worker: foresize.Worker) -> None:
    def one(i: int) -> None:
        execution = worker.start("py/threads")
        execution.sample(5, memory_bytes=i)
        execution.end("failed" if i % 5 == 0 else "succeeded")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(2000)))
    assert worker.flush(30_000)
    assert profiler.counts("py/threads") == {"SUCCEEDED": 1600, "FAILED": 400}


def test_the_outcome_is_that_of_the_block(profiler: Profiler, worker: foresize.Worker) -> None:
    for error in (MemoryError, ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            with worker.profile("py/outcomes"):
                raise error()
    assert worker.flush()
    assert profiler.counts("py/outcomes") == {"OUT_OF_MEMORY": 1, "FAILED": 1, "CANCELLED": 1, "SUCCEEDED": 1}


def test_a_decorated_function_tells_its_features(profiler: Profiler, worker: foresize.Worker) -> None:
    @worker.profile("py/decorated", features=lambda n: {"n": n}, labels={"tool": "d"})
    def double(n: int) -> int:
        return 2 * n

    @worker.profile("py/decorated-async", features=lambda n: {"n": 1 / n})
    async def double_async(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    async def all_at_once() -> List[int]:
        return await asyncio.gather(*(double_async(n) for n in range(5)))

    assert [double(n) for n in range(3)] == [0, 2, 4]
    assert asyncio.run(all_at_once()) == [0, 2, 4, 6, 8]
    assert worker.flush()
    assert sorted(e.features["n"] for e in profiler.profile("py/decorated").executions) == [0, 1, 2]
    # One cannot tell its features: it runs and is recorded all the same.
    assert profiler.counts("py/decorated-async") == {"SUCCEEDED": 5}


def test_blocks_of_one_profiling_may_overlap(profiler: Profiler, worker: foresize.Worker) -> None:
    profiling = worker.profile("py/overlap")

    def fail_or_not(i: int) -> None:
        try:
            with profiling, profiling:
                time.sleep(0.01)
                if i % 2:
                    raise ValueError
        except ValueError:
            pass

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(fail_or_not, range(20)))
    assert worker.flush()
    assert profiler.counts("py/overlap") == {"SUCCEEDED": 20, "FAILED": 20}


def test_a_rejection_names_the_field_and_harms_no_other(profiler: Profiler) -> None:
    problems: List[foresize.Problem] = []
    with foresize.Worker(profiler.address, on_problem=problems.append) as worker:
        worker.start("py/rejected", features={"": 1.0}).end()
        worker.start("py/rejected").end("succeeded", foresize.Resources(memory_bytes=float("nan")))
        worker.start("py/rejected").end()
        assert worker.flush()
        assert worker.statistics().rejected >= 2
    assert profiler.counts("py/rejected") == {"SUCCEEDED": 1}
    fields = [field for problem in problems for field, _ in problem.violations]
    assert any(field.startswith("starts[0].features") for field in fields), fields
    assert "ends[1].used.memory_bytes" in fields or "ends[0].used.memory_bytes" in fields, fields


def test_what_cannot_be_encoded_is_told_and_never_raised(profiler: Profiler) -> None:
    problems: List[foresize.Problem] = []
    with foresize.Worker(profiler.address, on_problem=problems.append) as worker:
        bad: List[Callable[[], foresize.Execution]] = [
            lambda: worker.start("py/bad", features={"n": "many"}),  # type: ignore[dict-item]
            lambda: worker.start("py/bad \ud800"),
            lambda: worker.start("py/bad", labels={"l": "x" * 100_000}),
            lambda: worker.start("py/bad", attempt=-1),
        ]
        for start in bad:
            execution = start()
            assert not execution.is_recorded
            execution.sample(1)
            execution.end()
        good = worker.start("py/bad")
        good.sample(5, memory_bytes="much")  # type: ignore[arg-type]
        good.sample(float("nan"))
        good.end("splendid")  # type: ignore[arg-type]
        assert worker.flush()
    assert [problem.kind for problem in problems] == ["unrecorded"] * 4 + ["rejected"] * 3
    assert profiler.counts("py/bad") == {"LOST": 1}


def test_resumes_after_the_server_was_killed(start_profiler: "Callable[..., Profiler]") -> None:
    profiler = start_profiler("lmdb")
    with foresize.Worker(profiler.address, reconnect_max_ms=200) as worker:
        executions = [worker.start("py/resumed") for _ in range(100)]
        assert worker.flush()
        for execution in executions[:50]:
            execution.sample(10, memory_bytes=1)
            execution.end()
        profiler.end(signal.SIGKILL)
        for execution in executions[50:]:
            execution.sample(20, memory_bytes=2)
            execution.end()
        executions = [worker.start("py/resumed") for _ in range(100)]
        assert not worker.flush(100)
        profiler.start()
        for execution in executions:
            execution.end()
        assert worker.flush(20_000)
        assert worker.statistics().disconnects >= 1
    assert profiler.counts("py/resumed") == {"SUCCEEDED": 200}


def test_a_connection_that_is_renewed_is_no_problem(start_profiler: "Callable[..., Profiler]") -> None:
    profiler = start_profiler("memory", "--max-connection-age-ms", "1000", "--max-connection-age-grace-ms", "50")
    problems: List[foresize.Problem] = []
    with foresize.Worker(profiler.address, on_problem=problems.append) as worker:
        execution = worker.start("py/renewed")
        elapsed_ms = 0
        while worker.statistics().disconnects < 3:
            elapsed_ms += 50
            execution.sample(elapsed_ms, memory_bytes=1)
            time.sleep(0.05)
        execution.end()
        assert worker.flush()
        assert problems == []
        profiler.end(signal.SIGKILL)
        worker.start("py/renewed").end()
        wait_until(lambda: len(problems) > 0)
    assert {problem.kind for problem in problems} == {"disconnected"}


def test_a_server_that_forgot_the_session_is_told_all_again(start_profiler: "Callable[..., Profiler]") -> None:
    profiler = start_profiler("memory")
    with foresize.Worker(profiler.address, reconnect_max_ms=200) as worker:
        execution = worker.start("py/forgotten", features={"n": 3})
        execution.sample(100, cpu_cores=2, memory_bytes=5)
        assert worker.flush()
        profiler.end(signal.SIGKILL)
        execution.sample(300, cpu_cores=2, memory_bytes=4)
        profiler.start()
        execution.end()
        assert worker.flush(20_000)
    (record,) = profiler.profile("py/forgotten").executions
    assert (record.features["n"], record.used.duration_ms) == (3, 300)


def test_the_task_never_waits_for_a_profiler_that_is_not_there() -> None:
    worker = foresize.Worker("127.0.0.1:1", max_executions=100, max_samples=400)
    for _ in range(1000):
        with worker.profile("py/unreachable") as execution:
            for i in range(50):
                execution.sample(i, memory_bytes=i)
    statistics = worker.statistics()
    assert (statistics.started, statistics.unrecorded, statistics.executions) == (100, 900, 100)
    assert statistics.waiting_samples <= 400
    assert not worker.close(50)
    assert not worker.start("py/unreachable").is_recorded


def test_backpressure_thins_samples_and_keeps_every_end(start_profiler: "Callable[..., Profiler]") -> None:
    profiler = start_profiler("memory")
    with foresize.Worker(profiler.address, max_samples=4000, max_executions=1000, max_batch_bytes=4096) as worker:
        executions = [worker.start("py/pressed") for _ in range(500)]
        assert worker.flush()
        profiler.kill(signal.SIGSTOP)
        for i in range(200):
            for execution in executions:
                execution.sample(i + 1, memory_bytes=1000 if i == 77 else 1)
        assert worker.statistics().waiting_samples <= 4000
        for execution in executions:
            execution.end()
        profiler.kill(signal.SIGCONT)
        assert worker.flush(30_000)
        assert worker.statistics().thinned_samples > 0
    assert profiler.counts("py/pressed") == {"SUCCEEDED": 500}
    assert {record.used.memory_bytes for record in profiler.profile("py/pressed").executions} == {1000}


def test_workers_hold_on_to_nothing_once_closed(profiler: Profiler) -> None:
    import threading

    before = threading.active_count()
    for _ in range(5):
        with foresize.Worker(profiler.address) as worker:
            worker.start("py/closed").end()
    wait_until(lambda: threading.active_count() <= before + 1)


def test_a_token_lets_in_and_never_goes_out_in_plain_text(tmp_path: Path) -> None:
    tokens = {"name": "ci", "sha256": hashlib.sha256(b"secret").hexdigest(), "roles": ["worker"], "namespaces": ["*"]}
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": [tokens]}))
    service = Service("profiler", "127.0.0.1:0", "--store", "memory", f"--tokens-file={tmp_path / 'tokens.json'}")
    try:
        for token, is_let_in in ((lambda: "secret", True), ("guessed", False), (None, False)):
            problems: List[foresize.Problem] = []
            worker = foresize.Worker(service.address, token=token, on_problem=problems.append)
            worker.start("py/token").end()
            assert worker.flush(20_000 if is_let_in else 1000) == is_let_in
            assert any("UNAUTHENTICATED" in problem.message for problem in problems) != is_let_in
            worker.close(0)
    finally:
        service.end()

    problems = []
    worker = foresize.Worker("profiler.example:7070", token="secret", on_problem=problems.append)
    worker.start("py/token").end()
    wait_until(lambda: any("needs TLS" in problem.message for problem in problems))
    worker.close(0)
    with pytest.raises(ValueError, match="needs TLS"):
        foresize.Estimator("estimator.example:7071", token="secret")
