from __future__ import annotations

from foresize.samples import UsageSample
from foresize.spool import Spool
from foresize.v1 import execution_pb2, profiler_service_pb2


def spool(max_samples: int = 1000, max_executions: int = 100, max_batch_bytes: int = 1 << 18) -> Spool:
    return Spool(max_samples, max_executions, max_batch_bytes)


def start(execution_id: str) -> execution_pb2.ExecutionStart:
    return execution_pb2.ExecutionStart(execution_id=execution_id, task=execution_pb2.TaskKey(task="t"))


def end(execution_id: str) -> execution_pb2.ExecutionEnd:
    return execution_pb2.ExecutionEnd(execution_id=execution_id, outcome=execution_pb2.OUTCOME_SUCCEEDED)


def drain(from_spool: Spool) -> "list[profiler_service_pb2.UsageBatch]":
    batches: "list[profiler_service_pb2.UsageBatch]" = []
    while True:
        batch = from_spool.next_batch()
        if batch is None:
            return batches
        batches.append(batch)


def test_a_full_spool_refuses_starts_and_takes_every_end() -> None:
    full = spool(max_executions=3)
    assert [full.start(start(str(i))) for i in range(5)] == [True, True, True, False, False]
    for i in range(5):
        full.end(end(str(i)))
    batches = drain(full)
    assert sorted(e.execution_id for b in batches for e in b.ends) == ["0", "1", "2"]
    assert full.acknowledge(batches[-1].sequence)
    assert full.start(start("4"))


def test_samples_are_thinned_before_any_is_dropped() -> None:
    small = spool(max_samples=40, max_executions=10)
    small.start(start("a"))
    for i in range(10_000):
        small.sample("a", UsageSample(i + 1, cpu_cores=1.0, memory_bytes=i))
    size = small.size()
    assert size.waiting_samples <= 40
    assert size.thinned_samples == 10_000 - size.waiting_samples
    (batch,) = drain(small)
    assert max(batch.samples[0].memory_bytes) == 9999
    assert sum(batch.samples[0].elapsed_delta_ms) == 10_000


def test_batches_stay_small_and_keep_the_order_of_an_execution() -> None:
    many = spool(max_batch_bytes=500)
    for i in range(20):
        many.start(start(str(i)))
        many.sample(str(i), UsageSample(5))
    first = drain(many)
    assert [b.sequence for b in first] == list(range(1, len(first) + 1))
    assert len(first) > 1 and all(b.ByteSize() < 700 for b in first)


def test_an_acknowledgement_that_cannot_be_is_told() -> None:
    some = spool()
    some.start(start("a"))
    drain(some)
    some.end(end("a"))
    drain(some)
    assert not some.acknowledge(3)
    assert some.acknowledge(1) and some.acknowledge(1) and not some.acknowledge(0)
    assert some.acknowledge(2) and some.is_empty()


def test_a_restart_sends_every_open_start_again_and_counts_sample_times_from_the_start() -> None:
    lost = spool()
    lost.start(start("a"))
    lost.sample("a", UsageSample(100))
    lost.start(start("b"))
    lost.sample("b", UsageSample(70))
    drain(lost)
    assert lost.acknowledge(1)
    lost.sample("a", UsageSample(150))
    lost.end(end("a"))
    drain(lost)
    lost.restart()
    lost.sample("b", UsageSample(90))
    again = [*lost.unacknowledged[:2], *drain(lost)]
    assert [b.sequence for b in again] == [1, 2, 3]
    assert [s.execution_id for s in again[0].starts] == ["a", "b"]
    assert list(again[1].samples[0].elapsed_delta_ms) == [150]
    assert list(again[2].samples[0].elapsed_delta_ms) == [90]


def test_no_more_are_open_at_the_server_than_it_keeps() -> None:
    many = spool(max_executions=5000)
    for i in range(2500):
        many.start(start(str(i)))
    assert [len(b.starts) for b in drain(many)] == [1000]
    many.sample("7", UsageSample(5))
    many.end(end("0"))
    many.end(end("2400"))
    batches = drain(many)
    # One that has ended meanwhile needs no place, and one place was free.
    assert [s.execution_id for b in batches for s in b.starts] == ["2400", "1000"]
    assert [e.execution_id for b in batches for e in b.ends] == ["2400", "0"]
    for i in range(2500):
        many.end(end(str(i)))
    ends = [e.execution_id for b in drain(many) for e in b.ends]
    assert len(ends) == 2498 and many.size().waiting_executions == 0
