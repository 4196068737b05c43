"""One log event per unit of work, as key=value lines on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(level: str = "warning", *, json: bool = False) -> None:
    """Write events of ``level`` and above to standard error, as key=value or JSON lines."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a room; its events carry ``room=<room>``."""
    bound: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return bound
