#!/usr/bin/env python3
"""task.py INPUT GIVEN_BYTES: holds three times INPUT's size for a second, six times for one whose name ends in `heavy`, in a
cgroup that may hold GIVEN_BYTES, and notes in $FORESIZE_TEST_ATTEMPTS how that went. A kill ends it as a shell says it:
137. With $FORESIZE_TEST_IS_HELD the scheduler has put it into such a cgroup."""

import json
import os
import signal
import sys
import time

path, given = sys.argv[1], int(float(sys.argv[2]))
size = os.path.getsize(path)
is_held = "FORESIZE_TEST_IS_HELD" in os.environ
group = f"/sys/fs/cgroup/memory/foresize-task-{os.getpid()}"
if not is_held:
    os.mkdir(group)
    with open(f"{group}/memory.limit_in_bytes", "w") as file:
        file.write(str(given))
started = time.monotonic()
child = os.fork()
if child == 0:
    if not is_held:
        with open(f"{group}/tasks", "w") as file:
            file.write(str(os.getpid()))
    held = bytearray((6 if path.endswith("heavy") else 3) * size)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(1)
    os._exit(0)
_, status, used = os.wait4(child, 0)
code = os.waitstatus_to_exitcode(status)
if not is_held:
    os.rmdir(group)
attempt = {
    "inputBytes": size,
    "givenBytes": given,
    "neededBytes": used.ru_maxrss * 1024,
    "durationMs": (time.monotonic() - started) * 1000,
    "ended": "completed" if code == 0 else "killed" if code == -signal.SIGKILL else "failed",
}
with open(os.environ["FORESIZE_TEST_ATTEMPTS"], "a") as file:
    file.write(json.dumps(attempt) + "\n")
sys.exit(128 - code if code < 0 else code)
