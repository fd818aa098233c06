"""galaxy_jobs.py JOB_CONF TASK INPUT...: runs TASK for each INPUT as a Galaxy job handler does, four at once:
mapped by TPV, its script instrumented by Galaxy's job metrics and run in a cgroup of what it is given, its metrics
collected; mapped again where it was killed."""

import logging
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from galaxy.job_metrics import JobMetrics
from tpv.commands.dryrunner import TPVDryRunner
from tpv.commands.test import mock_galaxy

logging.disable(logging.INFO)
job_conf, task, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
runner = TPVDryRunner.from_params(job_conf, tool_id="toolshed.g2.bx.psu.edu/repos/iuc/hold/hold/1.0")
metrics: JobMetrics = runner.galaxy_app.job_metrics


def job_of(path: str) -> mock_galaxy.Job:
    job = mock_galaxy.Job(id=int.from_bytes(os.urandom(4), "big"))
    dataset = mock_galaxy.Dataset(path, file_size=os.path.getsize(path))
    job.add_input_dataset(mock_galaxy.DatasetAssociation("input", dataset))
    job.history = mock_galaxy.History()
    return job


def given_to(job: mock_galaxy.Job) -> int:
    runner.job = job
    destination, _ = runner.run()
    return int(destination.params["memory_bytes"])


def attempt(job: mock_galaxy.Job, path: str, given: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        group = f"/sys/fs/cgroup/memory/foresize-galaxy-{job.id}"
        os.mkdir(group)
        with open(f"{group}/memory.limit_in_bytes", "w") as file:
            file.write(str(given))
        script = "\n".join(
            [
                f"echo $$ > {group}/tasks",
                metrics.default_job_instrumenter.pre_execute_commands(directory),
                f"{task} {path} {given}; code=$?",
                f"echo $code > {directory}/galaxy_{job.id}.ec",
                metrics.default_job_instrumenter.post_execute_commands(directory),
                "exit $code",
            ]
        )
        code = subprocess.run(["bash", "-c", script], env={**os.environ, "FORESIZE_TEST_IS_HELD": "1"}).returncode
        metrics.collect_properties("slurm", job.id, directory)
        os.rmdir(group)
        return code


jobs = [(job, path, given_to(job)) for job, path in ((job_of(path), path) for path in paths)]
for _ in range(4):
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda each: attempt(*each), jobs))
    jobs = [(job, path, given_to(job)) for (job, path, _), code in zip(jobs, codes) if code != 0]
assert not jobs, jobs
