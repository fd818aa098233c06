"""Runs PROGRAM for each INPUT on Ray: on a node that has the memory left, again with more where it was killed for memory.
PROGRAM gets the input and the bytes that it may hold.

    sized.py PROGRAM INPUT...
"""

import os
import sys

import foresize
import ray


@ray.remote(num_cpus=1, max_retries=0)
def work(command, known):
    outcome = foresize.run(command, **known).outcome
    foresize.default_worker().flush(1000)
    return outcome


def submit(program, path, sized):
    given = int(sized.allocated.memory_bytes)
    return work.options(memory=given).remote([program, path, str(given)], sized.known)


def main(program, paths):
    asked = foresize.Resources(memory_bytes=400e6)
    ray.init(num_cpus=4, include_dashboard=False, object_store_memory=100_000_000)
    with foresize.Sizer() as sizer:
        running = {}
        for path in paths:
            sized = sizer.size("ray/work", features={"input_bytes": os.path.getsize(path)}, requested=asked)
            running[submit(program, path, sized)] = (path, sized)
        while running:
            (ended,), _ = ray.wait(list(running), num_returns=1)
            path, sized = running.pop(ended)
            print(sized)
            more = sizer.retry(sized, ray.get(ended))
            if more is not None:
                running[submit(program, path, more)] = (path, more)
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
