"""Runs PROGRAM for each INPUT on Dask: on a worker that has the memory left, again with more where it was killed for
memory. PROGRAM gets the input and the bytes that it may hold.

    sized.py PROGRAM INPUT...
"""

import os
import sys

import foresize
from dask.distributed import Client, LocalCluster, as_completed


def work(command, known):
    outcome = foresize.run(command, **known).outcome
    foresize.default_worker().flush(1000)
    return outcome


def main(program, paths):
    asked = foresize.Resources(memory_bytes=400e6)
    # As `dask worker --resources MEMORY=2e9` on a cluster: what all tasks of a worker may hold together.
    cluster = LocalCluster(n_workers=1, threads_per_worker=4, resources={"MEMORY": 2e9}, dashboard_address=None)
    with cluster, Client(cluster) as client, foresize.Sizer() as sizer:
        running = {}

        def submit(path, sized):
            given = sized.allocated.memory_bytes
            command = [program, path, str(int(given))]
            future = client.submit(work, command, sized.known, resources={"MEMORY": given}, pure=False)
            running[future.key] = (path, sized)
            return future

        first = [
            submit(path, sizer.size("dask/work", features={"input_bytes": os.path.getsize(path)}, requested=asked))
            for path in paths
        ]
        ended = as_completed(first)
        for future in ended:
            path, sized = running.pop(future.key)
            print(sized)
            more = sizer.retry(sized, future.result())
            if more is not None:
                ended.add(submit(path, more))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
