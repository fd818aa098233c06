"""How a service is reached. Importing this brings in gRPC."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple, Union

# Read when gRPC is loaded. Its fork support, on where nothing is said, puts every fork of the program in danger while a
# stream is open: measured, one subprocess in twenty aborted (Python 3.9), and forks waited for each other.
_was_loaded = "grpc" in sys.modules
if not _was_loaded:
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
endangers_forks = os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").lower() not in ("0", "false", "no", "off")
"""Something else has loaded gRPC with its fork support on: no stream may be open in this process."""

import grpc  # noqa: E402

was_used = False
"""gRPC is at work in this process, or in the one that this is a fork of: then a fork cannot use it."""

default_profiler = "localhost:7070"
default_estimator = "localhost:7071"
"""Where `foresize up` listens."""

_service_config = """{
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{"service": "foresize.v1.EstimatorService"}],
    "retryPolicy": {
      "maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}"""
"""What only reads is asked again, of another address where there is one, as far as the deadline allows."""

Token = Union[str, Callable[[], str]]
"""A bearer token, or what gives the current one at each connection."""


@dataclass(frozen=True)
class Tls:
    ca_file: str
    """PEM roots to trust."""
    cert_file: Optional[str] = None
    key_file: Optional[str] = None


def tls_of_environment() -> Optional[Tls]:
    """$FORESIZE_CA_FILE, and for mutual TLS $FORESIZE_CERT_FILE and $FORESIZE_KEY_FILE."""
    ca_file = os.environ.get("FORESIZE_CA_FILE")
    if not ca_file:
        return None
    return Tls(ca_file, os.environ.get("FORESIZE_CERT_FILE"), os.environ.get("FORESIZE_KEY_FILE"))


def token_of_environment() -> Optional[Token]:
    """What $FORESIZE_TOKEN_FILE holds at each connection, else $FORESIZE_TOKEN."""
    path = os.environ.get("FORESIZE_TOKEN_FILE")
    if path:
        return lambda: _read(path).decode().strip()
    return os.environ.get("FORESIZE_TOKEN") or None


def open_channel(target: str, tls: Optional[Tls], token: Optional[Token]) -> grpc.Channel:
    """Balanced over every address that the name resolves to; dead connections are noticed within 30 s.

    Raises OSError where a file of `tls` cannot be read, ValueError where the token would go out in plain text."""
    global was_used
    was_used = True
    options: List[Tuple[str, object]] = [
        ("grpc.service_config", _service_config),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # How long an attempt may take before it has failed: a busy machine, or a far one with TLS, needs more than the pause.
        ("grpc.min_reconnect_backoff_ms", 5_000),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", 64 * 1024 * 1024),
        # Two workers in one process shall not share a connection: one of them may be left behind by a fork.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if tls is None:
        if token and not _is_on_this_host(target):
            raise ValueError(f"a token for {target} needs TLS: it would go over the network in plain text")
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


def _is_on_this_host(target: str) -> bool:
    if target.startswith("unix:"):
        return True
    # gRPC's list of addresses, or a name that it looks up.
    if re.match(r"ipv[46]:", target):
        addresses = target[5:].split(",")
    else:
        addresses = [re.sub(r"^dns:(///)?", "", target)]
    return all(_is_loopback(address.rsplit(":", 1)[0].strip("[]")) for address in addresses)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
