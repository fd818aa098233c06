"""What is measured is what was used: 5 % for peak memory and CPU time, from 100 ms on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest

import foresize
from conftest import Profiler
from foresize import procfs
from foresize.command import CommandResult, run_command

MIB = 1 << 20

allocate = "import time; held = bytearray({mib} << 20); held[::4096] = b'x' * len(held[::4096]); time.sleep(0.05)"
burn = "import time\nwhile time.process_time() < {seconds}: pass"


def python(script: str, **options: object) -> CommandResult:
    return run_command([sys.executable, "-I", "-S", "-c", script], on_start=lambda: lambda _: None, **options)  # type: ignore[arg-type]


def used_bytes(result: CommandResult) -> float:
    assert result.used.memory_bytes is not None
    return result.used.memory_bytes


def cpu_seconds(used: "foresize.Resources") -> float:
    assert used.cpu_cores is not None and used.duration_ms is not None
    return used.cpu_cores * used.duration_ms / 1000


def about(seconds: float) -> object:
    """Within 5 %, or within what the start of a process and the scheduler's clock vary by."""
    return pytest.approx(seconds, rel=0.05, abs=0.02)


@pytest.fixture(scope="module")
def interpreter_bytes() -> float:
    """What the interpreter itself holds, long enough to be sampled: the least of a few."""
    return min(used_bytes(python("import time; time.sleep(0.2)")) for _ in range(3))


@pytest.mark.parametrize("mib", [64, 256])
def test_a_command_that_allocates(mib: int, interpreter_bytes: float) -> None:
    result = python(allocate.format(mib=mib))
    assert result.outcome == "succeeded"
    assert used_bytes(result) == pytest.approx(interpreter_bytes + mib * MIB, rel=0.05)


def test_a_command_smaller_than_the_process_that_runs_it() -> None:
    """Its rusage starts from what this process held, so the samples have to see it."""
    held = bytearray(400 * MIB)
    held[::4096] = b"x" * len(held[::4096])
    result = python("import time; held = bytearray(64 << 20); held[::4096] = b'x' * len(held[::4096]); time.sleep(0.6)")
    assert result.source == "sampled"
    assert 64 * MIB < used_bytes(result) < 100 * MIB
    del held


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_a_command_that_burns_cpu(seconds: float) -> None:
    result = python(burn.format(seconds=seconds))
    assert cpu_seconds(result.used) == about(seconds)
    assert result.source in ("rusage", "sampled")


def test_a_tree_counts_whole(interpreter_bytes: float) -> None:
    script = (
        "import subprocess, sys\n"
        f"two = [subprocess.Popen([sys.executable, '-I', '-S', '-c', {burn.format(seconds=0.3)!r}]) for _ in range(2)]\n"
        "[one.wait() for one in two]"
    )
    result = python(script)
    assert cpu_seconds(result.used) == pytest.approx(0.6, rel=0.15)


def test_a_block_that_allocates(profiler: Profiler, worker: foresize.Worker) -> None:
    with worker.profile("py/held-before"):
        before = bytearray(300 * MIB)
        before[::4096] = b"x" * len(before[::4096])
    del before
    resident = procfs.read_memory()
    assert resident is not None
    with worker.profile("py/allocates"):
        held = bytearray(128 * MIB)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.1)
        del held
    assert worker.flush()
    (record,) = profiler.profile("py/allocates").executions
    # The peak of the block, not that of the process, which was higher before.
    assert record.used.memory_bytes == pytest.approx(resident.resident_bytes + 128 * MIB, rel=0.05)
    assert record.used.duration_ms >= 100


def test_nested_blocks_each_see_their_own_peak(profiler: Profiler, worker: foresize.Worker) -> None:
    with worker.profile("py/outer"):
        held = bytearray(200 * MIB)
        held[::4096] = b"x" * len(held[::4096])
        del held
        with worker.profile("py/inner"):
            pass
    assert worker.flush()
    outer = profiler.profile("py/outer").executions[0].used.memory_bytes
    inner = profiler.profile("py/inner").executions[0].used.memory_bytes
    assert outer - inner == pytest.approx(200 * MIB, rel=0.05)


def spin(seconds: float) -> None:
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_a_block_that_burns_cpu(profiler: Profiler, worker: foresize.Worker, seconds: float) -> None:
    """Connecting is not its work: only the first block of a process could see it."""
    worker.start("py/connected").end()
    assert worker.flush()
    with worker.profile(f"py/burns-{seconds}"):
        spin(seconds)
    assert worker.flush()
    assert cpu_of(profiler, f"py/burns-{seconds}") == about(seconds)


def test_measuring_and_reporting_take_less_than_a_hundredth_of_a_core(worker: foresize.Worker) -> None:
    worker.start("py/connected").end()
    assert worker.flush()
    # Whatever gRPC spends in threads of its own is in it too.
    before = time.process_time() - time.thread_time()
    with worker.profile("py/overhead"):
        time.sleep(4)
    assert time.process_time() - time.thread_time() - before < 0.04


def test_the_threads_of_the_package_are_not_the_task_s(worker: foresize.Worker) -> None:
    from foresize.own_threads import own_cpu_seconds

    before = own_cpu_seconds()
    for _ in range(2000):
        worker.start("py/own-threads").end()
    assert worker.flush()
    assert own_cpu_seconds() > before


def test_blocks_at_once_are_each_given_their_own_cpu(profiler: Profiler, worker: foresize.Worker) -> None:
    barrier = threading.Barrier(2)

    def block(task: str, seconds: float) -> None:
        with worker.profile(task):
            barrier.wait()
            spin(seconds)
            barrier.wait()

    threads = [
        threading.Thread(target=block, args=(task, seconds))
        for task, seconds in (("py/burns-much", 0.4), ("py/burns-little", 0.1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.flush()
    assert cpu_of(profiler, "py/burns-much") == about(0.4)
    assert cpu_of(profiler, "py/burns-little") == about(0.1)


def test_a_block_counts_the_children_it_waited_for(profiler: Profiler, worker: foresize.Worker) -> None:
    with worker.profile("py/parent", interval_ms=20):
        subprocess.run([sys.executable, "-I", "-S", "-c", allocate.format(mib=500) + "\n" + burn.format(seconds=0.6)])
    assert worker.flush()
    assert cpu_of(profiler, "py/parent") >= 0.6
    assert profiler.profile("py/parent").executions[0].used.memory_bytes > 500 * MIB


def cpu_of(profiler: Profiler, task: str) -> float:
    used = profiler.profile(task).executions[0].used
    return used.cpu_cores * used.duration_ms / 1000


def test_a_command_s_streams_code_and_limit_are_its_own() -> None:
    echoed = run_command(["cat"], on_start=lambda: lambda _: None, input=b"x" * 300_000, capture_output=True)
    assert (echoed.stdout, echoed.returncode, echoed.outcome) == (b"x" * 300_000, 0, "succeeded")
    assert python("raise SystemExit(7)").returncode == 7
    killed = python("import os; os.kill(os.getpid(), 9)")
    assert (killed.returncode, killed.outcome) == (-signal.SIGKILL, "failed")
    late = python("import time; time.sleep(60)", time_limit_ms=100)
    assert late.outcome == "timed-out"
    deaf = python(
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)", time_limit_ms=300, kill_grace_ms=100
    )
    assert (deaf.returncode, deaf.outcome) == (-signal.SIGKILL, "timed-out")


def test_a_true_memory_error_is_out_of_memory(profiler: Profiler) -> None:
    script = (
        "import foresize, resource\n"
        "worker = foresize.default_worker()\n"
        "worker.start('py/warm').end(); assert worker.flush()\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (600 << 20, 600 << 20))\n"
        "try:\n"
        "  with foresize.profile('py/memory-error'): bytearray(1 << 30)\n"
        "except MemoryError: pass\n"
    )
    environment = {**os.environ, "FORESIZE_PROFILER": profiler.address}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=60)
    assert profiler.counts("py/memory-error") == {"OUT_OF_MEMORY": 1}


@pytest.fixture
def small_cgroup() -> Iterator[Path]:
    """A cgroup of 64 MiB, v2 or v1, where one may be made; a plain folder where not."""
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    parent = Path("/sys/fs/cgroup" if v2 else "/sys/fs/cgroup/memory")
    group = parent / f"foresize-py-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield Path(os.devnull)
        return
    try:
        limit = group / ("memory.max" if v2 else "memory.limit_in_bytes")
        if limit.exists():
            limit.write_text(str(64 * MIB))
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def test_a_true_kill_for_memory_is_out_of_memory(
    profiler: Profiler, worker: foresize.Worker, small_cgroup: Path
) -> None:
    limited = small_cgroup.parent.joinpath("memory.max").exists() or small_cgroup.parent.joinpath(
        "memory.limit_in_bytes"
    ).exists()
    script = allocate.format(mib=300)
    result = worker.run(
        ["sh", "-c", f'echo $$ > {small_cgroup}; exec {sys.executable} -I -S -c "{script}"'], task="py/killed"
    )
    assert worker.flush()
    # Where no cgroup may be made nobody is killed.
    assert result.outcome == ("out-of-memory" if limited else "succeeded")
    assert profiler.counts("py/killed") == {"OUT_OF_MEMORY" if limited else "SUCCEEDED": 1}


def test_a_command_that_is_over_at_once_is_never_reported_with_its_callers_memory() -> None:
    held = bytearray(300 * MIB)
    held[::4096] = b"1" * len(held[::4096])
    for _ in range(20):
        result = run_command(["true"], on_start=lambda: lambda _: None)
        assert result.used.memory_bytes is None or result.used.memory_bytes < 100 * MIB, result
        assert (result.used.memory_bytes is None) == (result.source == "unknown")
    del held


def test_a_command_that_does_not_exist_is_no_execution(worker: foresize.Worker) -> None:
    before = worker.statistics().started
    with pytest.raises(FileNotFoundError):
        worker.run(["no-such-command"], task="py/none")
    assert worker.statistics().started == before
