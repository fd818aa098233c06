"""One resumable StreamUsage session over any number of connections. Never raises into its caller."""

from __future__ import annotations

import ctypes
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Callable, Iterator, Optional, Protocol

import grpc

from foresize.own_threads import own_thread
from foresize.relay import StreamBroken
from foresize.spool import Spool, default_max_open
from foresize.v1 import profiler_service_pb2


@dataclass(frozen=True)
class SessionOptions:
    client: str
    """Name and version, for the server's log."""
    batch_interval_ms: float = 100
    """Events are gathered for so long before they are sent."""
    max_unacknowledged_batches: int = 16
    """Batches on the way at once; the server may ask for fewer."""
    reconnect_min_ms: float = 100
    """First wait before a reconnect; doubled with each failure, and jittered by half."""
    reconnect_max_ms: float = 10_000
    acknowledge_timeout_ms: float = 30_000
    """A server that acknowledges nothing for so long is left for another."""


@dataclass(frozen=True)
class SessionEvents:
    on_rejection: Callable[[profiler_service_pb2.EventRejection], None]
    on_directive: Callable[[profiler_service_pb2.SamplingDirective], None]
    on_disconnect: Callable[[str, bool], None]
    """The stream broke; it is opened again by itself. True: as the server renews connections, nothing is wrong yet."""


class _Stub(Protocol):
    # A property, as gRPC's own is no method but something that can be called.
    @property
    def StreamUsage(self) -> Callable[..., "_Call"]: ...  # noqa: N802 - named as in the contract


class _Call(Protocol):
    def cancel(self) -> object: ...

    def __iter__(self) -> Iterator[profiler_service_pb2.StreamUsageResponse]: ...


class _Stream:
    """One connection. All but `call` is guarded by the session's lock."""

    def __init__(self) -> None:
        self.call: Optional[_Call] = None
        self.is_opened = False
        self.is_over = False
        self.written_sequence = 0
        self.progress_s = time.monotonic()
        """When the server last acknowledged, or had nothing to."""
        self.error = "the server ended the stream"
        self.code: Optional[str] = None
        """Name of the gRPC status."""
        self.reader_done = threading.Event()
        self.writer_done = threading.Event()


class Session:
    def __init__(
        self,
        spool: Spool,
        changed: threading.Condition,
        open_channel: "Callable[[], Optional[grpc.Channel]]",
        stub_of: "Callable[[Optional[grpc.Channel]], _Stub]",
        metadata: Callable[[], tuple[tuple[str, str], ...]],
        options: SessionOptions,
        events: SessionEvents,
    ) -> None:
        """`changed` guards `spool`, and is notified when it changes. `open_channel` may give none, where `stub_of` needs
        none."""
        self._spool = spool
        self._changed = changed
        self._open_channel = open_channel
        self._stub_of = stub_of
        self._metadata = metadata
        self._options = options
        self._events = events
        self._session_id = str(uuid.uuid4())
        self._window = options.max_unacknowledged_batches
        self._failures = 0
        self.is_out_of_threads = False
        """No thread can be started any more: the interpreter exits."""
        self._due_s: Optional[float] = None
        self.is_hurried = False
        """Nobody is waited for who was not there twice."""
        self._is_held = False
        """What waits are starts that the server has no room for."""
        self._flushing = 0
        self._closed = False
        self._stream: Optional[_Stream] = None
        self._channel: Optional[grpc.Channel] = None
        self._thread: Optional[threading.Thread] = None

    # -- Called by the worker, with the lock held.

    def wake(self) -> None:
        """There is something to send."""
        if self._due_s is None or self._is_held:
            self._due_s = self._due_s or time.monotonic() + self._options.batch_interval_ms / 1000
            self._is_held = False
            self._changed.notify_all()
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="foresize-session", daemon=True)
            self._thread.start()

    def is_closed(self) -> bool:
        return self._closed

    # -- Called by the worker, without the lock.

    def flush(self, deadline_ms: float) -> bool:
        """True once all that was taken is stored, False where the deadline came first."""
        end_s = time.monotonic() + deadline_ms / 1000
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                while not self._spool.is_empty():
                    left_s = end_s - time.monotonic()
                    if left_s <= 0 or self._closed or (self.is_hurried and self._failures >= 2):
                        return False
                    self._changed.wait(left_s)
                return True
            finally:
                self._flushing -= 1

    def close(self, deadline_ms: float) -> bool:
        """Flushes, then ends. What the deadline left unsent is lost."""
        is_durable = self.flush(deadline_ms)
        with self._changed:
            self._closed = True
            stream = self._stream
            if stream is not None:
                stream.is_over = True
            self._changed.notify_all()
        if stream is not None and not stream.reader_done.wait(1 if is_durable else 0):
            _cancel(stream)
            stream.reader_done.wait(1)
        with self._changed:
            channel, self._channel = self._channel, None
        if channel is not None and self.is_out_of_threads:
            # Half made, it would never come back from being closed or let go.
            leak(channel)
        elif channel is not None:
            channel.close()
        return is_durable

    # -- The session's own thread.

    def _run(self) -> None:
        with own_thread():
            self._keep_connected()

    def _keep_connected(self) -> None:
        while True:
            with self._changed:
                while not self._closed and self._spool.is_empty():
                    self._changed.wait()
                if self._closed:
                    return
            stream = _Stream()
            try:
                self._serve(stream)
            except RuntimeError as error:
                # "can't start new thread", "can't create new thread at interpreter shutdown": ours, or one of gRPC's.
                stream.error = f"RuntimeError: {error}"
                if "new thread" in str(error):
                    with self._changed:
                        self._closed = self.is_out_of_threads = True
            except Exception as error:  # noqa: BLE001 - the task must not notice
                stream.error = f"{type(error).__name__}: {error}"
            if not self._lost(stream):
                return

    def _lost(self, stream: _Stream) -> bool:
        """Waits before the next connection; False once the session is closed."""
        with self._changed:
            if self._stream is stream:
                self._stream = None
            stream.is_over = True
            self._changed.notify_all()
            if self._closed:
                return False
            if stream.code == "FAILED_PRECONDITION":
                self._start_anew()
            # What comes of it shows next: a stream that cannot be opened, or that acknowledges nothing, is no renewal.
            is_renewal = stream.is_opened and self._failures == 0 and stream.code == "UNAVAILABLE"
            wait_ms = min(self._options.reconnect_max_ms, self._options.reconnect_min_ms * 2 ** min(self._failures, 20))
            self._failures += 1
        self._events.on_disconnect(stream.error, is_renewal)
        end_s = time.monotonic() + wait_ms * (0.5 + random.random() / 2) / 1000
        with self._changed:
            while not self._closed and time.monotonic() < end_s:
                self._changed.wait(end_s - time.monotonic())
            return not self._closed

    def _serve(self, stream: _Stream) -> None:
        # First of all: where no thread can be started any more, as the interpreter exits, gRPC would never come back.
        called = threading.Event()
        reader = threading.Thread(target=self._read, args=(stream, called), name="foresize-reader", daemon=True)
        reader.start()
        try:
            with self._changed:
                if self._closed:
                    return
                if self._channel is None:
                    self._channel = self._open_channel()
                stub = self._stub_of(self._channel)
                stream.call = stub.StreamUsage(self._requests(stream), metadata=self._metadata())
                self._stream = stream
        finally:
            called.set()
        self._watch(stream)
        _cancel(stream)
        stream.reader_done.wait()

    def _watch(self, stream: _Stream) -> None:
        """Returns once the stream is over; ends it where the server acknowledges nothing."""
        timeout_s = self._options.acknowledge_timeout_ms / 1000
        with self._changed:
            while not stream.reader_done.is_set():
                left_s = stream.progress_s + timeout_s - time.monotonic()
                is_waiting = not stream.is_opened or bool(self._spool.unacknowledged)
                if is_waiting and left_s <= 0:
                    stream.error = f"no acknowledgement for {self._options.acknowledge_timeout_ms:.0f} ms"
                    stream.is_over = True
                    return
                self._changed.wait(max(0.01, left_s) if is_waiting else None)

    def _requests(self, stream: _Stream) -> Iterator[profiler_service_pb2.StreamUsageRequest]:
        """gRPC takes the next one when the connection has room for it, in a thread that does nothing else."""
        try:
            with own_thread():
                opening = profiler_service_pb2.OpenSession(session_id=self._session_id, client=self._options.client)
                yield profiler_service_pb2.StreamUsageRequest(open=opening)
                while True:
                    batch = self._next(stream)
                    if batch is None:
                        return
                    yield profiler_service_pb2.StreamUsageRequest(batch=batch)
        finally:
            stream.writer_done.set()

    def _next(self, stream: _Stream) -> Optional[profiler_service_pb2.UsageBatch]:
        with self._changed:
            while not stream.is_over:
                if stream.is_opened:
                    for batch in self._spool.unacknowledged:
                        if batch.sequence > stream.written_sequence:
                            return self._write(stream, batch)
                    left_s = 0.0 if self._due_s is None or self._flushing else self._due_s - time.monotonic()
                    has_room = len(self._spool.unacknowledged) < self._window
                    if self._spool.has_waiting() and has_room:
                        if left_s > 0:
                            self._changed.wait(left_s)
                            continue
                        made = self._spool.next_batch()
                        if not self._spool.has_waiting():
                            self._due_s = None
                        if made is not None:
                            return self._write(stream, made)
                        self._is_held = True
                self._changed.wait()
            return None

    def _write(
        self, stream: _Stream, batch: profiler_service_pb2.UsageBatch
    ) -> profiler_service_pb2.UsageBatch:
        if len(self._spool.unacknowledged) == 1:
            stream.progress_s = time.monotonic()
        stream.written_sequence = batch.sequence
        self._changed.notify_all()
        return batch

    def _read(self, stream: _Stream, called: threading.Event) -> None:
        try:
            with own_thread():
                called.wait()
                for response in stream.call or ():
                    self._receive(stream, response)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else None
            details = error.details() if isinstance(error, grpc.Call) else str(error)
            self._broken(stream, "UNKNOWN" if code is None else code.name, details or "")
        except StreamBroken as error:
            self._broken(stream, error.code, str(error))
        except Exception as error:  # noqa: BLE001 - the task must not notice
            stream.error = f"{type(error).__name__}: {error}"
        finally:
            stream.reader_done.set()
            with self._changed:
                stream.is_over = True
                self._changed.notify_all()

    def _broken(self, stream: _Stream, code: str, details: str) -> None:
        with self._changed:
            if not stream.is_over:
                stream.code = code
                stream.error = f"{code}: {details}"

    def _receive(self, stream: _Stream, response: profiler_service_pb2.StreamUsageResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "rejection":
            self._events.on_rejection(response.rejection)
        elif kind == "sampling":
            self._events.on_directive(response.sampling)
        elif kind == "opened":
            with self._changed:
                self._spool.max_open = response.opened.max_open_executions or default_max_open
                if stream.is_over or not self._acknowledge(stream, response.opened.durable_sequence):
                    return
                asked = response.opened.max_unacknowledged_batches or self._options.max_unacknowledged_batches
                self._window = max(1, min(self._options.max_unacknowledged_batches, asked))
                stream.written_sequence = response.opened.durable_sequence
                stream.is_opened = True
                if self._spool.is_empty():
                    self._failures = 0
        elif kind == "acknowledgement":
            with self._changed:
                if stream.is_over:
                    return
                self._failures = 0
                self._acknowledge(stream, response.acknowledgement.durable_sequence)

    def _acknowledge(self, stream: _Stream, durable_sequence: int) -> bool:
        stream.progress_s = time.monotonic()
        self._changed.notify_all()
        if self._spool.acknowledge(durable_sequence):
            return True
        # The server's watermark is not ours: it has lost the session, or we have a twin.
        self._start_anew()
        stream.error = "the server does not know the session any more"
        stream.is_over = True
        _cancel(stream)
        return False

    def _start_anew(self) -> None:
        self._session_id = str(uuid.uuid4())
        self._spool.restart()


def leak(thing: object) -> None:
    """Keeps it until the process ends, whatever the interpreter clears before."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _cancel(stream: _Stream) -> None:
    if stream.call is not None:
        stream.call.cancel()
