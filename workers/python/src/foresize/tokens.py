"""The token of an estimate on its way from who sizes a task to who runs it."""

from __future__ import annotations

import base64
from typing import Union

EstimateToken = Union[bytes, str]
"""As it came, or in base64 where only text travels: a header, an environment variable."""


def to_bytes(token: EstimateToken) -> bytes:
    """Raises ValueError for text that is not base64."""
    return base64.b64decode(token, validate=True) if isinstance(token, str) else token


def to_text(token: EstimateToken) -> str:
    return token if isinstance(token, str) else base64.b64encode(token).decode()
