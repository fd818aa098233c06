"""How a service is reached. Importing this brings in gRPC."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple, Union

# Read when gRPC starts: with it, a forked process may open channels of its own. The session closes its stream before
# a fork, so that gRPC need not wait for its threads.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")

import grpc  # noqa: E402

default_profiler = "localhost:7070"
default_estimator = "localhost:7071"
"""Where `foresize up` listens."""

Token = Union[str, Callable[[], str]]
"""A bearer token, or what gives the current one at each connection."""


@dataclass(frozen=True)
class Tls:
    ca_file: str
    """PEM roots to trust."""
    cert_file: Optional[str] = None
    key_file: Optional[str] = None


def open_channel(target: str, tls: Optional[Tls]) -> grpc.Channel:
    """Balanced over every address that the name resolves to; dead connections are noticed within 30 s.

    Raises OSError where a file of `tls` cannot be read."""
    options: List[Tuple[str, object]] = [
        ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", 64 * 1024 * 1024),
        # Two workers in one process shall not share a connection: one of them may be left behind by a fork.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if tls is None:
        return grpc.insecure_channel(target, options)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca_file),
        private_key=None if tls.key_file is None else _read(tls.key_file),
        certificate_chain=None if tls.cert_file is None else _read(tls.cert_file),
    )
    return grpc.secure_channel(target, credentials, options)


def metadata_of(token: Optional[Token]) -> Tuple[Tuple[str, str], ...]:
    value = token() if callable(token) else token
    return () if not value else (("authorization", f"Bearer {value}"),)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
