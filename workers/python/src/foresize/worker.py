"""Reports what tasks use. Never raises into the task, never slows it, never lets it wait: with no profiler to be
reached it holds what the spool has room for and goes on."""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Set

import grpc

from foresize import connection, resources, termination, tokens
from foresize.command import Argument, CommandResult, run_command
from foresize.daemon_clients import daemon_client
from foresize.directives import Directives
from foresize.execution import Execution, Problem
from foresize.processes import must_relay, workers
from foresize.profiling import Features, Profiling
from foresize.relay import RelayStub, send_alone
from foresize.resources import Given
from foresize.samples import UsageSample
from foresize.session import Session, SessionEvents, SessionOptions
from foresize.spool import Spool
from foresize.tokens import EstimateToken
from foresize.v1 import execution_pb2, profiler_service_pb2, profiler_service_pb2_grpc

log = logging.getLogger("foresize")

max_start_bytes = 65_536
"""Encoded size of a start; the contract's own limits stay below it. A longer one could never be sent."""


@dataclass(frozen=True)
class Statistics:
    started: int
    ended: int
    rejected: int
    unrecorded: int
    disconnects: int
    """Renewals of the connection included."""
    waiting_executions: int
    waiting_samples: int
    unacknowledged_batches: int
    executions: int
    thinned_samples: int


class Worker:
    def __init__(
        self,
        target: Optional[str] = None,
        *,
        namespace: str = "default",
        tls: Optional[connection.Tls] = None,
        token: Optional[connection.Token] = None,
        lease_ms: int = 0,
        client: Optional[str] = None,
        on_problem: Optional[Callable[[Problem], None]] = None,
        max_samples: int = 100_000,
        max_executions: int = 20_000,
        max_batch_bytes: int = 256 * 1024,
        batch_interval_ms: float = 100,
        max_unacknowledged_batches: int = 16,
        reconnect_min_ms: float = 100,
        reconnect_max_ms: float = 10_000,
        acknowledge_timeout_ms: float = 30_000,
        exit_deadline_ms: float = 5000,
    ) -> None:
        """
        target: of the profiler; default $FORESIZE_PROFILER, else localhost:7070.
        namespace: of every execution that does not say.
        tls: default what $FORESIZE_CA_FILE, $FORESIZE_CERT_FILE and $FORESIZE_KEY_FILE say, else plain text.
        token: bearer token, or what gives the current one; default $FORESIZE_TOKEN_FILE or $FORESIZE_TOKEN.
        lease_ms: silence after which the server closes an execution as lost; 0 means the server's.
        on_problem: told of what goes wrong; it is logged to `foresize` as well.
        max_samples: held before they are thinned; at least four an execution (about 10 MB by default).
        max_executions: whose end is not yet acknowledged, before new ones go unrecorded.
        max_batch_bytes: of one batch, about.
        batch_interval_ms: events are gathered for so long before they are sent.
        max_unacknowledged_batches: on the way at once; the server may ask for fewer.
        reconnect_min_ms, reconnect_max_ms: first and longest wait; doubled with each failure, jittered by half.
        acknowledge_timeout_ms: a server that acknowledges nothing for so long is left for another.
        exit_deadline_ms: longest wait for what is unsent when the interpreter exits; none where nobody answers.
        """
        self._target = target or os.environ.get("FORESIZE_PROFILER") or connection.default_profiler
        self._namespace = namespace
        self._tls = tls or connection.tls_of_environment()
        self._token = token or connection.token_of_environment()
        self._lease_ms = lease_ms
        self._on_problem = on_problem
        self._spool_limits = (max_samples, max_executions, max_batch_bytes)
        self._session_options = SessionOptions(
            client=client or f"foresize-python/{platform.python_version()}",
            batch_interval_ms=batch_interval_ms,
            max_unacknowledged_batches=max_unacknowledged_batches,
            reconnect_min_ms=reconnect_min_ms,
            reconnect_max_ms=reconnect_max_ms,
            acknowledge_timeout_ms=acknowledge_timeout_ms,
        )
        self._exit_deadline_ms = exit_deadline_ms
        self._daemon_clients: Set[str] = set()
        self._generation = 0
        self._begin()
        workers.add(self)

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._spool = Spool(*self._spool_limits)
        self._directives = Directives()
        self._reported: Dict[str, int] = {}
        self._started = self._ended = self._rejected = self._unrecorded = self._disconnects = 0
        self._session = Session(
            self._spool,
            self._changed,
            self._open_channel,
            self._stub_of,
            lambda: connection.metadata_of(self._token),
            self._session_options,
            SessionEvents(self._receive_rejection, self._directives.receive, self._receive_disconnect),
        )

    def _open_channel(self) -> "Optional[grpc.Channel]":
        return None if must_relay() else connection.open_channel(self._target, self._tls, self._token)

    def _stub_of(self, channel: "Optional[grpc.Channel]") -> Any:
        if channel is None:
            return RelayStub(self._target, self._tls)
        return profiler_service_pb2_grpc.ProfilerServiceStub(channel)

    def start(
        self,
        task: str,
        *,
        namespace: Optional[str] = None,
        execution_id: Optional[str] = None,
        attempt: int = 1,
        features: Optional[Mapping[str, float]] = None,
        labels: Optional[Mapping[str, str]] = None,
        requested: Given = None,
        allocated: Given = None,
        estimate_token: EstimateToken = b"",
    ) -> Execution:
        """Opens one execution. `execution_id` is unique per attempt, by default a random one; `features` and `labels`
        are what is known before the run; `estimate_token` is of the estimate that `allocated` came from, as bytes or in
        base64."""
        termination.release()
        id_of_it = execution_id or str(uuid.uuid4())
        space = namespace or self._namespace
        decision = self._directives.decide(space, task)
        if not decision.is_reported:
            return Execution(self, id_of_it, False, 0)
        try:
            start = execution_pb2.ExecutionStart(
                execution_id=id_of_it,
                task=execution_pb2.TaskKey(namespace=space, task=task),
                attempt=attempt,
                features=features or {},
                labels=labels or {},
                requested=resources.to_wire(requested),
                allocated=resources.to_wire(allocated),
                estimate_token=tokens.to_bytes(estimate_token),
                weight=decision.weight,
                lease_ms=self._lease_ms,
            )
            if start.ByteSize() > max_start_bytes:
                raise ValueError(f"it has {start.ByteSize()} bytes, at most {max_start_bytes} may be")
            with self._changed:
                is_closed = self._session.is_closed()
                reason = "the worker is closed" if is_closed else "the spool is full, or holds an execution of that id"
                is_taken = not is_closed and self._spool.start(start)
                if is_taken:
                    self._started += 1
                    self._session.wake()
        except Exception as error:  # noqa: BLE001 - the task must not notice
            is_taken, reason = False, f"its start cannot be encoded: {error}"
        if not is_taken:
            with self._changed:
                self._unrecorded += 1
            self._report(Problem("unrecorded", reason, str(task), id_of_it))
        return Execution(self, id_of_it, is_taken, decision.min_sample_interval_ms)

    def profile(
        self,
        task: str,
        *,
        features: "Features" = None,
        interval_ms: float = 1000,
        **start: Any,
    ) -> Profiling:
        """What runs inside `with`, or each call of the function decorated, as one execution. `start` as in `start()`. For
        a function each, `features` too, may be a function of the call's arguments that gives it."""
        return Profiling(lambda: self, task, features, interval_ms, start)

    def run(
        self,
        args: Sequence[Argument],
        *,
        task: str,
        features: Optional[Mapping[str, float]] = None,
        labels: Optional[Mapping[str, str]] = None,
        namespace: Optional[str] = None,
        execution_id: Optional[str] = None,
        attempt: int = 1,
        requested: Given = None,
        allocated: Given = None,
        estimate_token: EstimateToken = b"",
        **command: Any,
    ) -> CommandResult:
        """Runs a command as one execution. `command`: cwd, env, stdin, stdout, stderr, input, capture_output,
        time_limit_ms, kill_grace_ms, interval_ms. Raises OSError where it cannot be started: then it is no execution."""
        self._note_client(args, task)
        execution: Optional[Execution] = None

        def on_start() -> Callable[[UsageSample], None]:
            nonlocal execution
            execution = self.start(
                task,
                namespace=namespace,
                execution_id=execution_id,
                attempt=attempt,
                features=features,
                labels=labels,
                requested=requested,
                allocated=allocated,
                estimate_token=estimate_token,
            )
            return execution._sample

        try:
            result = run_command(args, on_start=on_start, **command)
        except BaseException as error:
            if execution is not None:
                execution.end("cancelled" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        assert execution is not None
        execution.end(result.outcome, result.used, result.source)
        return result

    def statistics(self) -> Statistics:
        with self._changed:
            return Statistics(
                started=self._started,
                ended=self._ended,
                rejected=self._rejected,
                unrecorded=self._unrecorded,
                disconnects=self._disconnects,
                **asdict(self._spool.size()),
            )

    def flush(self, deadline_ms: float = 5000) -> bool:
        """True once everything so far is stored, False where the deadline came first."""
        return self._session.flush(deadline_ms)

    def close(self, deadline_ms: float = 5000) -> bool:
        """Flushes within the deadline, then ends the session."""
        workers.discard(self)
        end_s = time.monotonic() + deadline_ms / 1000
        is_durable = self._session.close(deadline_ms)
        left_s = end_s - time.monotonic()
        if not is_durable and self._session.is_out_of_threads and left_s > 0:
            try:
                metadata = connection.metadata_of(self._token)
                client = self._session_options.client
                is_durable = send_alone(self._target, self._tls, metadata, client, self._spool, left_s)
            except Exception as error:  # noqa: BLE001 - the task must not notice
                log.warning("%s executions are lost: %s", len(self._spool.unacknowledged), error)
        return is_durable

    def __repr__(self) -> str:
        return f"<Worker reporting to {self._target}: {self._started} started, {self._ended} ended>"

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive_rejection(self, rejection: profiler_service_pb2.EventRejection) -> None:
        self._rejected += 1
        violations = tuple((violation.field, violation.description) for violation in rejection.violations)
        message = "; ".join(f"{field} {description}" for field, description in violations)
        self._report(Problem("rejected", message, None, rejection.execution_id, violations))

    def _receive_disconnect(self, message: str, is_renewal: bool) -> None:
        self._disconnects += 1
        if not is_renewal:
            self._report(Problem("disconnected", message))

    def _note_client(self, args: Sequence[Argument], task: str) -> None:
        client = daemon_client(args)
        if client is not None and client not in self._daemon_clients:
            self._daemon_clients.add(client)
            message = f"{client} only asks a daemon to run it: what is measured is {client}, not the work"
            self._report(Problem("measures-client", message, task))

    def _report(self, problem: Problem) -> None:
        # What goes on going wrong is said once in a while.
        count = self._reported[problem.kind] = self._reported.get(problem.kind, 0) + 1
        if count in (1, 10, 100) or count % 1000 == 0:
            log.warning("%s (%d): %s", problem.kind, count, problem.message)
        if self._on_problem is not None:
            try:
                self._on_problem(problem)
            except Exception:  # noqa: BLE001 - the task must not notice
                log.exception("on_problem raised")
