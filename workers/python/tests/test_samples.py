from __future__ import annotations

import random

from foresize.samples import UsageSample, thin, to_wire


def integral(samples: "list[UsageSample]", since_ms: float) -> float:
    total, before = 0.0, since_ms
    for sample in samples:
        assert sample.cpu_cores is not None
        total += sample.cpu_cores * (sample.elapsed_ms - before)
        before = sample.elapsed_ms
    return total


def test_thinning_keeps_peak_memory_and_cpu_time() -> None:
    draw = random.Random(1)
    for count in range(1, 60):
        at, samples = 7.0, []
        for _ in range(count):
            at += draw.choice([0, 1, 5, 300])
            samples.append(UsageSample(at, cpu_cores=draw.random(), memory_bytes=draw.randrange(1000)))
        before = list(samples)
        assert thin(samples, 7.0) == count - len(samples) == count // 2
        assert max(s.memory_bytes or 0 for s in samples) == max(s.memory_bytes or 0 for s in before)
        assert abs(integral(samples, 7.0) - integral(before, 7.0)) < 1e-6
        assert samples[-1].elapsed_ms == before[-1].elapsed_ms


def test_columns_count_on_from_the_samples_sent_before() -> None:
    first = to_wire("e", [UsageSample(100.4), UsageSample(250.4)], 0)
    second = to_wire("e", [UsageSample(300.4)], 250.4)
    assert [*first.elapsed_delta_ms, *second.elapsed_delta_ms] == [100, 150, 50]


def test_a_column_that_some_samples_lack_is_filled_and_one_that_all_lack_is_left_out() -> None:
    wire = to_wire("e", [UsageSample(1), UsageSample(2, memory_bytes=5), UsageSample(3)], 0)
    assert list(wire.memory_bytes) == [5, 5, 5]
    assert list(wire.cpu_cores) == []
