"""Processes that fork, spawn and end: each reports its own, and none is in danger."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Callable, Optional

import pytest

import foresize
from conftest import Profiler, python_environment, wait_until
from foresize import termination

where_it_may_hold = pytest.mark.skipif(not termination.may_hold, reason="Linux, Python 3.10")


def test_a_fork_reports_its_own_and_the_parent_goes_on(profiler: Profiler) -> None:
    with foresize.Worker(profiler.address) as worker:
        worker.start("py/forked").end()
        assert worker.flush()
        inherited = worker.start("py/forked")
        children = []
        for _ in range(3):
            began = time.monotonic()
            pid = os.fork()
            if pid == 0:
                inherited.end("failed")
                worker.start("py/forked").end()
                os._exit(0 if worker.flush(10_000) else 1)
            assert time.monotonic() - began < 10
            children.append(pid)
        inherited.end()
        assert worker.flush(10_000)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    assert profiler.counts("py/forked") == {"SUCCEEDED": 5}


def test_no_fork_and_no_subprocess_of_the_program_is_in_danger(profiler: Profiler) -> None:
    """Each ends with the code that is its own, with a stream open all the while."""
    with foresize.Worker(profiler.address) as worker:
        for i in range(60):
            worker.start("py/endangered").end()
            if i == 0:
                assert worker.flush()
            plain = subprocess.run(["sh", "-c", "exit 3"], timeout=30)
            forked = subprocess.run(["sh", "-c", "exit 4"], timeout=30, preexec_fn=lambda: None)
            assert (plain.returncode, forked.returncode) == (3, 4)
        assert worker.flush()
    assert profiler.counts("py/endangered") == {"SUCCEEDED": 60}


def test_where_others_have_loaded_grpc_it_is_left_to_a_process_of_its_own(profiler: Profiler) -> None:
    script = (
        "import grpc, subprocess, sys\n"
        "import foresize\n"
        "for i in range(40):\n"
        "  with foresize.profile('py/grpc-first'): pass\n"
        "  if i == 0: assert foresize.default_worker().flush(20_000)\n"
        "  assert subprocess.run(['sh', '-c', 'exit 4'], preexec_fn=lambda: None).returncode == 4\n"
    )
    environment = {**python_environment(profiler), "PYTHONWARNINGS": "ignore"}
    del environment["GRPC_ENABLE_FORK_SUPPORT"]
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=60)
    assert profiler.counts("py/grpc-first") == {"SUCCEEDED": 40}


def _square(n: int) -> int:
    with foresize.profile(f"py/{os.environ['KIND']}"):
        return n * n


def test_a_pool_of_forked_processes_reports_through_the_default_worker(profiler: Profiler) -> None:
    script = (
        "import multiprocessing, foresize, test_processes\n"
        "with foresize.profile('py/forked-pool'): pass\n"
        "assert foresize.default_worker().flush()\n"
        "with multiprocessing.get_context('fork').Pool(3) as pool:\n"
        "    assert pool.map(test_processes._square, range(40)) == [n * n for n in range(40)]\n"
        "    pool.close(); pool.join()\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        env={**python_environment(profiler), "KIND": "forked-pool", "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert profiler.counts("py/forked-pool") == {"SUCCEEDED": 41}


@where_it_may_hold
@pytest.mark.parametrize("tasks_per_child", [1, None])
def test_a_pool_that_is_ended_as_soon_as_it_has_its_results_loses_none(
    profiler: Profiler, tasks_per_child: Optional[int]
) -> None:
    """Leaving the block sends SIGTERM to children that have answered and are about to tell what they used."""
    kind = f"ended-pool-{tasks_per_child}"
    script = (
        "import multiprocessing, foresize, test_processes\n"
        "for _ in range(4):\n"
        f"    with multiprocessing.get_context('fork').Pool(2, maxtasksperchild={tasks_per_child}) as pool:\n"
        "        pool.map(test_processes._square, range(6), chunksize=1)\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        env={**python_environment(profiler), "KIND": kind, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
    assert profiler.counts(f"py/{kind}") == {"SUCCEEDED": 24}


def _answer(connection: Connection, kind: str) -> None:
    if kind == "own":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    with foresize.profile(f"py/terminated-{kind}"):
        pass
    if kind == "running":
        with foresize.profile("py/terminated-later"):
            connection.send(True)
            time.sleep(60)
    connection.send(True)
    while True:
        time.sleep(0.05)


@where_it_may_hold
@pytest.mark.parametrize("kind, code", [("idle", -signal.SIGTERM), ("running", -signal.SIGTERM), ("own", 7)])
def test_a_process_that_is_ended_once_it_has_answered_reports_first(
    profiler: Profiler, monkeypatch: pytest.MonkeyPatch, kind: str, code: int
) -> None:
    """Where it heeds SIGTERM itself, that stays; a task that runs is ended at once."""
    for name, value in python_environment(profiler).items():
        monkeypatch.setenv(name, value)
    for _ in range(3):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_answer, args=(theirs, kind))
        process.start()
        assert ours.recv()
        began_s = time.monotonic()
        process.terminate()
        process.join(20)
        assert process.exitcode == code
        if kind != "idle":
            assert time.monotonic() - began_s < 2
    if kind == "idle":
        assert profiler.counts("py/terminated-idle") == {"SUCCEEDED": 3}


def _wait_in_c(connection: Connection, is_locked: bool) -> None:
    worker = foresize.Worker(exit_deadline_ms=300 if is_locked else 5000)
    worker.start("py/terminated-in-c").end()

    def lock() -> None:
        with worker._changed:
            connection.send(True)
            time.sleep(60)

    if is_locked:
        threading.Thread(target=lock, daemon=True).start()
    else:
        connection.send(True)
    c = ctypes.CDLL(None)
    barrier = ctypes.create_string_buffer(256)
    c.pthread_barrier_init(barrier, None, 2)
    c.pthread_barrier_wait(barrier)


@where_it_may_hold
@pytest.mark.parametrize("is_locked", [False, True])
def test_a_process_that_waits_in_c_reports_what_it_ended_and_ends(
    profiler: Profiler, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    """It ends where the flush cannot go on, too."""
    for name, value in python_environment(profiler).items():
        monkeypatch.setenv(name, value)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_wait_in_c, args=(theirs, is_locked))
    process.start()
    assert ours.recv()
    time.sleep(0.1)
    process.terminate()
    process.join(10)
    assert process.exitcode == -signal.SIGTERM
    if not is_locked:
        assert profiler.counts("py/terminated-in-c") == {"SUCCEEDED": 1}


def _end_forks(connection: Connection, task: str) -> None:
    with foresize.profile(task):
        pass

    def end_forks() -> None:
        for _ in range(20):
            process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
            process.start()
            process.terminate()
            process.join(2)
            process.kill()
            connection.send(process.exitcode)

    end_forks()
    thread = threading.Thread(target=end_forks)
    thread.start()
    thread.join()


def test_a_fork_that_is_ended_at_once_ends_and_its_parent_does_not(
    profiler: Profiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parent is between two tasks, and the fork has its handlers until it runs Python."""
    for name, value in python_environment(profiler).items():
        monkeypatch.setenv(name, value)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_end_forks, args=(theirs, "py/ends-forks"))
    process.start()
    theirs.close()
    assert [ours.recv() if ours.poll(20) else "nothing" for _ in range(40)] == [-signal.SIGTERM] * 40
    process.join(20)
    assert process.exitcode == 0


def _end_without_descriptors(connection: Connection) -> None:
    execution = foresize.default_worker().start("py/without-descriptors")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        execution.end()
        connection.send(None)
    except OSError as error:
        connection.send(str(error))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _keep_c_handler(connection: Connection) -> None:
    faulthandler.register(signal.SIGTERM, file=sys.stdout)
    for _ in range(2):
        with foresize.profile("py/c-handler"):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
    connection.send(None)


@pytest.mark.parametrize("act", [_end_without_descriptors, _keep_c_handler])
def test_a_program_does_not_notice_that_sigterm_is_held(
    profiler: Profiler, monkeypatch: pytest.MonkeyPatch, act: Callable[[Connection], None]
) -> None:
    """Where there is no descriptor for it, and where SIGTERM is handled in C, which Python does not know of."""
    monkeypatch.setenv("FORESIZE_PROFILER", profiler.address)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=act, args=(theirs,))
    process.start()
    theirs.close()
    assert ours.recv() is None
    process.join(20)
    assert process.exitcode == 0


def test_what_is_unsent_is_flushed_at_exit(profiler: Profiler) -> None:
    script = "import foresize\nfor _ in range(100):\n  with foresize.profile('py/exit'): pass\n"
    subprocess.run([sys.executable, "-c", script], check=True, env=python_environment(profiler), timeout=60)
    assert profiler.counts("py/exit") == {"SUCCEEDED": 100}


def test_a_fork_that_ends_at_once_loses_nothing(profiler: Profiler) -> None:
    script = (
        "import foresize, os, sys\n"
        "worker = foresize.Worker(exit_deadline_ms=40_000)\n"
        "worker.start('py/brief').end(); assert worker.flush()\n"
        "for _ in range(8):\n"
        "  pid = os.fork()\n"
        "  if pid == 0:\n"
        "    with worker.profile('py/brief'): pass\n"
        "    sys.exit(0)\n"
        "  assert os.waitpid(pid, 0)[1] == 0\n"
    )
    environment = {**python_environment(profiler), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=60)
    assert profiler.counts("py/brief") == {"SUCCEEDED": 9}


def test_an_exit_does_not_wait_for_a_profiler_that_is_not_there() -> None:
    script = "import foresize\nwith foresize.profile('py/exit'): pass\n"
    environment = {**os.environ, "FORESIZE_PROFILER": "127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, timeout=30, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_spawned_process_needs_nothing_special(
    profiler: Profiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESIZE_PROFILER", profiler.address)
    monkeypatch.setenv("KIND", "spawned-pool")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_square, range(5)) == [0, 1, 4, 9, 16]
        pool.close()
        pool.join()
    assert profiler.counts("py/spawned-pool") == {"SUCCEEDED": 5}


def test_celery_loses_nothing_whatever_its_children_live(profiler: Profiler, tmp_path: Path) -> None:
    for folder in ("in", "done", "control"):
        (tmp_path / folder).mkdir()
    (tmp_path / "work.py").write_text(
        "import foresize, os, pathlib, time\n"
        "from celery import Celery\n"
        "here = pathlib.Path(__file__).parent\n"
        "app = Celery('work', broker='filesystem://', broker_transport_options={\n"
        "    'data_folder_in': str(here / 'in'), 'data_folder_out': str(here / 'in'),\n"
        "    'control_folder': str(here / 'control')})\n"
        "app.conf.task_ignore_result = True\n"
        "@app.task\n"
        "def work(i):\n"
        "    with foresize.profile('py/celery'): time.sleep(0.1)\n"
        "    (here / 'done' / str(i)).touch()\n"
    )
    environment = {**python_environment(profiler), "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    send = "import work\nfor i in range(8): work.work.delay(i)\n"
    subprocess.run([sys.executable, "-c", send], check=True, env=environment, timeout=60)
    command = [sys.executable, "-m", "celery", "-A", "work", "worker", "-c", "2", "--max-tasks-per-child", "1"]
    celery = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(list((tmp_path / "done").iterdir())) == 8, 60)
        wait_until(lambda: profiler.counts("py/celery").get("SUCCEEDED") == 8, 60)
    finally:
        celery.terminate()
        celery.wait(30)
