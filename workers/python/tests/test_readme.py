from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import Profiler, Service, python_environment, root

readme = (root / "workers" / "python" / "README.md").read_text()
blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)


def test_every_example_does_what_it_says(profiler: Profiler, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(1000))
    (tmp_path / "big.txt").write_text("2\n1\n")
    estimator = Service("estimator", "127.0.0.1:0", "--profiler", profiler.address)
    environment = {
        **python_environment(profiler),
        "FORESIZE_ESTIMATOR": estimator.address,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    try:
        assert len(blocks) == 3
        said = [
            subprocess.run(
                [sys.executable, "-c", f"make_thumbnail = str\n{block}"],
                check=True,
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=100,
            ).stdout
            for block in blocks
        ]
    finally:
        estimator.end()
    assert said[0].startswith("succeeded ") and " cores, " in said[0]
    assert re.match(r"<Sized sort: .*4 GB memory", said[1])
    assert re.search(r"[\d.]+ [kMG]B memory", said[2])
    assert (tmp_path / "sorted.txt").read_text() == "1\n2\n"
    assert profiler.counts("thumbnail") == profiler.counts("align") == {"SUCCEEDED": 1}
    assert profiler.counts("sort") == {"SUCCEEDED": 2}
