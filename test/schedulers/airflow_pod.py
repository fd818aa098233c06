"""The pod of a task, as KubernetesExecutor hands it to the hook of airflow_local_settings."""

import json
import time

from airflow import settings
from kubernetes.client import models


def pod(input_bytes: str, memory: str, **labels: str) -> models.V1Pod:
    names = {"dag_id": "work", "task_id": "hold", "try_number": "1", "foresize.dev/feature.input_bytes": input_bytes}
    resources = models.V1ResourceRequirements(requests={"memory": memory, "cpu": "1"})
    container = models.V1Container(name="base", resources=resources)
    metadata = models.V1ObjectMeta(annotations=names, labels=labels)
    made = models.V1Pod(metadata=metadata, spec=models.V1PodSpec(containers=[container]))
    settings.pod_mutation_hook(made)
    return made


def mebibytes(made: models.V1Pod) -> float:
    resources = made.spec.containers[0].resources
    assert resources.requests["memory"] == resources.limits["memory"], resources
    assert resources.requests["cpu"] == "1", resources
    return float(resources.requests["memory"].removesuffix("Mi"))


# The hook waits a quarter of a second at most: on a busy machine the first answers may be late.
for _ in range(40):
    small, large = pod("2e7", "400Mi"), pod("5e7", "400Mi")
    if mebibytes(small) < mebibytes(large) < 400:
        break
    time.sleep(1)
else:
    raise AssertionError(f"{mebibytes(small)}, {mebibytes(large)}")
(variable,) = large.spec.containers[0].env
known = json.loads(variable.value)
assert variable.name == "FORESIZE_AIRFLOW_KNOWN" and known["estimate_token"], variable
assert known["features"] == {"input_bytes": 5e7}, known
for left_alone in (pod("2e7", "many"), pod("2e7", "400Mi", kubernetes_pod_operator="True")):
    assert left_alone.spec.containers[0].env is None, left_alone
print("pod sized")
