"""Sizes Snakemake's jobs by what they used before, and reports what they use.

    from snakemake_logger_plugin_foresize import mem_mb

    rule align:
        benchmark: "benchmarks/align/{sample}.tsv"
        resources: mem_mb=mem_mb(4000)

and `snakemake --logger foresize`.
"""

from __future__ import annotations

import logging
from typing import Optional

from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_foresize.memory import mem_mb
from snakemake_logger_plugin_foresize.reporter import Reporter

__all__ = ["LogHandler", "mem_mb"]


class LogHandler(LogHandlerBase):
    """Never fails the workflow: what goes wrong is said by logger `foresize`."""

    _reporter: Optional[Reporter] = None

    def __post_init__(self) -> None:
        if not self.common_settings.dryrun:
            self._reporter = Reporter()

    def emit(self, record: logging.LogRecord) -> None:
        if self._reporter is None:
            return
        try:
            self._reporter.receive(record)
        except Exception:  # noqa: BLE001 - the workflow must not notice
            logging.getLogger("foresize").warning("a job cannot be reported", exc_info=True)

    def close(self) -> None:
        if self._reporter is not None:
            self._reporter.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return False

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        """Its own, which lets all through: `--quiet` is for people."""
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False
