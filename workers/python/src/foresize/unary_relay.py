"""Calls of a forked process, through a process of its own: as relay.py, one call after the other.

A frame is its length in four bytes, big-endian, and its bytes. In: a JSON header, then for each call JSON of method,
deadline and metadata, and the request. Out: an empty frame once it can be asked, then for each call JSON of the status,
and the response.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import IO, Any, Dict, Optional, Tuple

import grpc

from foresize import connection
from foresize.relay import end_relay, start_relay
from foresize.v1 import estimator_service_pb2, estimator_service_pb2_grpc

_responses: Dict[str, Any] = {
    "Estimate": estimator_service_pb2.EstimateResponse,
    "Confidence": estimator_service_pb2.ConfidenceResponse,
}


class RelayedError(grpc.RpcError):
    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode[self._code]

    def details(self) -> str:
        return self._details


class UnaryRelay:
    """Thread-safe: calls wait for each other, within their deadlines. Its process is started by the first of them."""

    def __init__(self, target: str, tls: Optional[connection.Tls]) -> None:
        self._header = {"target": target, "tls": None if tls is None else asdict(tls)}
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._process: "Optional[subprocess.Popen[bytes]]" = None
        self._is_ready = False
        self._pid = os.getpid()

    def call(self, method: str, request: Any, deadline_s: float, metadata: Tuple[Tuple[str, str], ...]) -> Any:
        """Raises RelayedError."""
        end_s = time.monotonic() + deadline_s
        if self._pid != os.getpid():
            # That of the parent stays the parent's, and its lock may be held by a thread that is not here.
            self._begin()
        if not self._lock.acquire(timeout=deadline_s):
            raise RelayedError("DEADLINE_EXCEEDED", "another call was under way")
        try:
            process = self._process or self._start()
            if not self._is_ready:
                try:
                    _receive(process.stdout, end_s)
                except TimeoutError:
                    # It goes on starting, for a later call.
                    raise RelayedError("DEADLINE_EXCEEDED", "the process that asks is starting") from None
                self._is_ready = True
            asked = {"method": method, "deadline_s": deadline_s, "metadata": metadata}
            _put(process.stdin, json.dumps(asked).encode())
            _put(process.stdin, request.SerializeToString())
            status = json.loads(_receive(process.stdout, end_s))
            response = _receive(process.stdout, end_s)
        except (OSError, ValueError) as error:
            # What came of it later would be taken for the answer to the next.
            self.close()
            if isinstance(error, TimeoutError):
                raise RelayedError("DEADLINE_EXCEEDED", f"no answer within {deadline_s * 1000:.0f} ms") from None
            raise RelayedError("UNAVAILABLE", f"the relay has ended: {error}") from None
        finally:
            self._lock.release()
        if status["code"] != "OK":
            raise RelayedError(status["code"], status["details"])
        return _responses[method].FromString(response)

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = start_relay("unary_relay")
        _put(self._process.stdin, json.dumps(self._header).encode())
        return self._process

    def close(self) -> None:
        process, self._process, self._is_ready = self._process, None, False
        if process is None or self._pid != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        end_relay(process)


def main() -> None:
    """Ends when its standard input does."""
    header = json.loads(_read(sys.stdin.buffer))
    tls = header["tls"]
    channel = connection.open_channel(header["target"], None if tls is None else connection.Tls(**tls), None)
    stub = estimator_service_pb2_grpc.EstimatorServiceStub(channel)
    requests: Dict[str, Any] = {
        "Estimate": estimator_service_pb2.EstimateRequest,
        "Confidence": estimator_service_pb2.ConfidenceRequest,
    }
    _put(sys.stdout.buffer, b"")
    while True:
        asked = _read(sys.stdin.buffer)
        if not asked:
            os._exit(0)
        call = json.loads(asked)
        request = requests[call["method"]].FromString(_read(sys.stdin.buffer))
        metadata = tuple((name, value) for name, value in call["metadata"])
        status, response = {"code": "OK", "details": ""}, b""
        try:
            method = getattr(stub, call["method"])
            response = method(request, timeout=call["deadline_s"], metadata=metadata).SerializeToString()
        except grpc.RpcError as error:
            assert isinstance(error, grpc.Call)
            status = {"code": error.code().name, "details": error.details() or ""}
        _put(sys.stdout.buffer, json.dumps(status).encode())
        _put(sys.stdout.buffer, response)


def _put(pipe: Optional[IO[bytes]], frame: bytes) -> None:
    assert pipe is not None
    pipe.write(len(frame).to_bytes(4, "big") + frame)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    return pipe.read(int.from_bytes(pipe.read(4), "big"))


def _receive(pipe: Optional[IO[bytes]], end_s: float) -> bytes:
    """One frame. Raises TimeoutError, or EOFError where the relay has ended."""
    assert pipe is not None
    return _exactly(pipe.fileno(), int.from_bytes(_exactly(pipe.fileno(), 4, end_s), "big"), end_s)


def _exactly(descriptor: int, count: int, end_s: float) -> bytes:
    """Past Python's own buffer, which nothing else reads into."""
    data = b""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while len(data) < count:
        if not poll.poll(max(0.0, end_s - time.monotonic()) * 1000):
            raise TimeoutError
        read = os.read(descriptor, count - len(data))
        if not read:
            raise OSError("it closed its output")
        data += read
    return data
