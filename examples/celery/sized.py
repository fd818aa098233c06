"""Runs PROGRAM for each INPUT on Celery: in the queue of the smallest workers that hold it, again with more where it was
killed for memory. PROGRAM gets the input and the bytes that it may hold.

    sized.py PROGRAM INPUT...
"""

import os
import sys

import foresize
from celery import Celery

app = Celery("sized", broker=os.environ["CELERY_BROKER"], backend=os.environ["CELERY_BROKER"])
app.conf.task_acks_late = True

# Queues and the bytes that a task on a worker of each may hold, the smallest first.
queues = {"small": 100e6, "medium": 200e6, "large": 1e9}


@app.task
def work(command, known):
    return foresize.run(command, **known).outcome


def submit(program, path, sized):
    given = sized.allocated.memory_bytes
    queue = next((name for name, holds in queues.items() if given <= holds), "large")
    return path, sized, work.apply_async(([program, path, str(int(given))], sized.known), queue=queue)


def main(program, paths):
    asked = foresize.Resources(memory_bytes=400e6)
    with foresize.Sizer() as sizer:
        waiting = [
            submit(program, path, sizer.size("celery/work", features={"input_bytes": os.path.getsize(path)}, requested=asked))
            for path in paths
        ]
        while waiting:
            path, sized, result = waiting.pop(0)
            print(sized)
            more = sizer.retry(sized, result.get())
            if more is not None:
                waiting.append(submit(program, path, more))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
