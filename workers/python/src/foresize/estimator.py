"""What the next run needs, and how sure that is."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, Optional, Tuple

import grpc

from foresize import connection, resources
from foresize.estimate import Confidence, Estimate, Notice, Policy
from foresize.processes import is_cut_off
from foresize.resources import Outcome, Resources
from foresize.unary_relay import RelayedError, UnaryRelay
from foresize.v1 import estimator_service_pb2, estimator_service_pb2_grpc, execution_pb2, resources_pb2


class Estimator:
    """Thread-safe. A fork of a process that has used gRPC asks through a process of its own (about 40 MB), whose start
    counts for the deadline of its first call."""

    def __init__(
        self,
        target: Optional[str] = None,
        *,
        namespace: str = "default",
        tls: Optional[connection.Tls] = None,
        token: Optional[connection.Token] = None,
        deadline_ms: float = 1000,
    ) -> None:
        """`target`: default $FORESIZE_ESTIMATOR, else localhost:7071. `tls`, `token`: as of Worker."""
        address = target or os.environ.get("FORESIZE_ESTIMATOR") or connection.default_estimator
        self._address = address
        self.namespace = namespace
        """Of every query that does not say."""
        self._token = token or connection.token_of_environment()
        self._deadline_s = deadline_ms / 1000
        tls = tls or connection.tls_of_environment()
        self._relay = UnaryRelay(address, tls)
        self._channel = None if is_cut_off() else connection.open_channel(address, tls, self._token)
        self._stub = None if self._channel is None else estimator_service_pb2_grpc.EstimatorServiceStub(self._channel)

    def estimate(
        self,
        task: str,
        *,
        namespace: Optional[str] = None,
        features: Optional[Mapping[str, float]] = None,
        labels: Optional[Mapping[str, str]] = None,
        requested: Optional[Resources] = None,
        attempt: int = 1,
        previous_allocation: Optional[Resources] = None,
        previous_outcome: Optional[Outcome] = None,
        policy: Optional[Policy] = None,
        execution_id: str = "",
        fallback: Optional[Resources] = None,
    ) -> Estimate:
        """Raises grpc.RpcError where the estimator cannot answer, unless there is a `fallback`."""
        query = self._query(task, namespace, features, labels, requested, attempt)
        query.previous_allocation.CopyFrom(resources.to_wire(previous_allocation))
        query.execution_id = execution_id
        if previous_outcome is not None:
            query.previous_outcome = resources.outcome_to_wire(previous_outcome)
        if policy is not None:
            query.policy.CopyFrom(_policy(policy))
        try:
            response = self._call("Estimate", estimator_service_pb2.EstimateRequest(query=query))
        except grpc.RpcError as error:
            if fallback is None:
                raise
            reason = error.details() if isinstance(error, (grpc.Call, RelayedError)) else str(error)
            return Estimate(fallback, 0.0, "fallback", f"the estimator did not answer: {reason}")
        answer = response.estimate
        return Estimate(
            resources=resources.from_wire(answer.resources),
            confidence=answer.confidence,
            source=_source(answer.source),
            reason=answer.reason,
            executions=answer.executions,
            staleness_ms=answer.staleness_ms,
            variant=answer.variant,
            variant_by_execution=answer.variant_by_execution,
            token=answer.estimate_token,
            notices=_notices(answer.notices),
        )

    def confidence(
        self,
        task: str,
        given: Optional[Resources] = None,
        *,
        namespace: Optional[str] = None,
        features: Optional[Mapping[str, float]] = None,
        labels: Optional[Mapping[str, str]] = None,
    ) -> Confidence:
        """That `given` suffices, by default what `estimate` would answer. Raises grpc.RpcError."""
        request = estimator_service_pb2.ConfidenceRequest(
            query=self._query(task, namespace, features, labels, None, 1)
        )
        if given is not None:
            request.resources.CopyFrom(resources.to_wire(given))
        answer = self._call("Confidence", request)
        return Confidence(
            confidence=answer.confidence,
            source=_source(answer.source),
            reason=answer.reason,
            executions=answer.executions,
            notices=_notices(answer.notices),
        )

    def close(self) -> None:
        self._relay.close()
        if self._channel is not None and not is_cut_off():
            self._channel.close()

    def _call(self, method: str, request: Any) -> Any:
        metadata = connection.metadata_of(self._token)
        if self._stub is None or is_cut_off():
            return self._relay.call(method, request, self._deadline_s, metadata)
        return getattr(self._stub, method)(request, timeout=self._deadline_s, metadata=metadata)

    def __repr__(self) -> str:
        return f"<Estimator at {self._address}>"

    def __enter__(self) -> "Estimator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _query(
        self,
        task: str,
        namespace: Optional[str],
        features: Optional[Mapping[str, float]],
        labels: Optional[Mapping[str, str]],
        requested: Optional[Resources],
        attempt: int,
    ) -> estimator_service_pb2.EstimateQuery:
        return estimator_service_pb2.EstimateQuery(
            task=execution_pb2.TaskKey(namespace=namespace or self.namespace, task=task),
            features=features or {},
            labels=labels or {},
            requested=resources.to_wire(requested),
            attempt=attempt,
        )


def _policy(policy: Policy) -> estimator_service_pb2.Policy:
    message = estimator_service_pb2.Policy(
        strategies=policy.strategies, min=resources.to_wire(policy.min), max=resources.to_wire(policy.max)
    )
    if policy.risk is not None:
        message.risk = policy.risk
    if policy.target_coverage is not None:
        message.target_coverage = policy.target_coverage
    if policy.overhead is not None:
        message.overhead.CopyFrom(resources.to_wire(policy.overhead))
        message.overhead.SetInParent()
    return message


def _source(number: "estimator_service_pb2.EstimateSource.ValueType") -> str:
    if number not in estimator_service_pb2.EstimateSource.values():
        return "unknown"
    name = estimator_service_pb2.EstimateSource.Name(number)
    return name[len("ESTIMATE_SOURCE_") :].lower()


def _notices(messages: Iterable[estimator_service_pb2.Notice]) -> Tuple[Notice, ...]:
    return tuple(
        Notice(
            kind=_kind(message.kind),
            subject=message.subject,
            number=message.number if message.HasField("number") else None,
            nearest=tuple(message.nearest),
            dimension=_dimension(message.dimension),
        )
        for message in messages
    )


def _kind(number: "estimator_service_pb2.NoticeKind.ValueType") -> str:
    if number not in estimator_service_pb2.NoticeKind.values():
        return "unknown"
    name = estimator_service_pb2.NoticeKind.Name(number)
    return name[len("NOTICE_KIND_") :].lower().replace("_", "-")


def _dimension(number: "resources_pb2.Dimension.ValueType") -> str:
    if number == 0 or number not in resources_pb2.Dimension.values():
        return ""
    return resources_pb2.Dimension.Name(number)[len("DIMENSION_") :].lower()
