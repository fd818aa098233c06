"""The session of a forked process, through a process of its own.

gRPC cannot be used in a fork of a process that has used it, unless its fork support is on, which puts every other fork
of the program in danger (connection.py). So a forked process starts this module as a program, which hands frames on
between a pipe and a gRPC stream and knows nothing of sessions.

A frame is its length in four bytes, big-endian, and its bytes. In: a JSON header, then StreamUsageRequest messages.
Out: a byte 0 and a StreamUsageResponse message, at last a byte 1 and JSON of the status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import asdict
from typing import IO, Iterator, Optional, Set, Tuple

import grpc

from foresize import connection
from foresize.own_threads import own_thread
from foresize.spool import Spool
from foresize.v1 import profiler_service_pb2, profiler_service_pb2_grpc

relay_pids: Set[int] = set()
"""Of this process: what they use is not the task's."""


class StreamBroken(Exception):
    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code
        """Name of the gRPC status."""


class RelayStub:
    """Has of ProfilerServiceStub what a session calls."""

    def __init__(self, target: str, tls: Optional[connection.Tls]) -> None:
        self._header = {"target": target, "tls": None if tls is None else asdict(tls)}

    def StreamUsage(  # noqa: N802 - named as in the contract
        self,
        requests: Iterator[profiler_service_pb2.StreamUsageRequest],
        metadata: Tuple[Tuple[str, str], ...],
    ) -> "RelayCall":
        return RelayCall({**self._header, "metadata": metadata}, requests)


class RelayCall:
    def __init__(
        self, header: "dict[str, object]", requests: Iterator[profiler_service_pb2.StreamUsageRequest]
    ) -> None:
        self._process = start_relay()
        writer = threading.Thread(target=self._write, args=(header, requests), name="foresize-relay", daemon=True)
        writer.start()

    def cancel(self) -> None:
        self._process.kill()

    def __iter__(self) -> Iterator[profiler_service_pb2.StreamUsageResponse]:
        pipe = self._process.stdout
        assert pipe is not None
        status = {"code": "UNAVAILABLE", "details": "the relay has ended"}
        try:
            with pipe:
                for frame in _frames(pipe):
                    if frame[0] == 1:
                        status = json.loads(frame[1:])
                        break
                    yield profiler_service_pb2.StreamUsageResponse.FromString(frame[1:])
        finally:
            end_relay(self._process)
        if status["code"] != "OK":
            raise StreamBroken(status["code"], status["details"])

    def _write(
        self, header: "dict[str, object]", requests: Iterator[profiler_service_pb2.StreamUsageRequest]
    ) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            with own_thread(), pipe:
                _put(pipe, json.dumps(header).encode())
                for request in requests:
                    _put(pipe, request.SerializeToString())
        except OSError:
            pass


def send_alone(
    target: str,
    tls: Optional[connection.Tls],
    metadata: Tuple[Tuple[str, str], ...],
    client: str,
    spool: Spool,
    deadline_s: float,
) -> bool:
    """Sends what the spool holds without a thread of its own, in a new session: what was stored already counts once.
    True once all of it is stored."""
    relay = start_relay()
    try:
        assert relay.stdin is not None and relay.stdout is not None
        header = {
            "target": target,
            "tls": None if tls is None else asdict(tls),
            "metadata": metadata,
            "deadline_s": deadline_s,
        }
        _put(relay.stdin, json.dumps(header).encode())
        spool.restart()
        while spool.next_batch() is not None:
            pass
        opening = profiler_service_pb2.OpenSession(session_id=str(uuid.uuid4()), client=client)
        _put(relay.stdin, profiler_service_pb2.StreamUsageRequest(open=opening).SerializeToString())
        for batch in spool.unacknowledged:
            _put(relay.stdin, profiler_service_pb2.StreamUsageRequest(batch=batch).SerializeToString())
        relay.stdin.close()
        for frame in _frames(relay.stdout):
            if frame[0] == 1:
                break
            response = profiler_service_pb2.StreamUsageResponse.FromString(frame[1:])
            if response.WhichOneof("message") == "acknowledgement":
                spool.acknowledge(response.acknowledgement.durable_sequence)
        return spool.is_empty()
    finally:
        end_relay(relay)


def start_relay(module: str = "relay") -> "subprocess.Popen[bytes]":
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    program = f"import sys; sys.path.insert(0, {package!r}); from foresize.{module} import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    relay_pids.add(process.pid)
    return process


def end_relay(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    relay_pids.discard(process.pid)


def main() -> None:
    """Ends when its standard input does and the server has answered all."""
    frames = _frames(sys.stdin.buffer)
    header = json.loads(next(frames))
    if "deadline_s" in header:
        signal.setitimer(signal.ITIMER_REAL, header["deadline_s"])
    tls = header["tls"]
    metadata = tuple((name, value) for name, value in header["metadata"])
    requests = (profiler_service_pb2.StreamUsageRequest.FromString(frame) for frame in frames)
    try:
        channel = connection.open_channel(header["target"], None if tls is None else connection.Tls(**tls), None)
        for response in profiler_service_pb2_grpc.ProfilerServiceStub(channel).StreamUsage(requests, metadata=metadata):
            _put(sys.stdout.buffer, b"\0" + response.SerializeToString())
        status = {"code": "OK", "details": ""}
    except grpc.RpcError as error:
        is_call = isinstance(error, grpc.Call)
        code = error.code().name if is_call else "UNKNOWN"
        status = {"code": code, "details": (error.details() if is_call else None) or ""}
    except Exception as error:  # noqa: BLE001 - said to who waits for it
        status = {"code": "INTERNAL", "details": f"{type(error).__name__}: {error}"}
    _put(sys.stdout.buffer, b"\1" + json.dumps(status).encode())
    os._exit(0)


def _frames(pipe: IO[bytes]) -> Iterator[bytes]:
    while True:
        head = pipe.read(4)
        if len(head) < 4:
            return
        frame = pipe.read(int.from_bytes(head, "big"))
        if not frame:
            return
        yield frame


def _put(pipe: IO[bytes], frame: bytes) -> None:
    pipe.write(len(frame).to_bytes(4, "big") + frame)
    pipe.flush()


def _forget() -> None:
    relay_pids.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
