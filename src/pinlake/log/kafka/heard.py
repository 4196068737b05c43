"""What librdkafka says beside its answers: why no broker lets us in."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

REMEMBERED_SECONDS = 15.0
"""librdkafka tries again within ``reconnect.backoff.max.ms`` (10 s), and then says it again."""

_AROUND = re.compile(r"^\w+://\S+: | \(after \d+ms in state [^)]*\)$")
"""Which broker it was, and after how long: all say the same."""


class Heard:
    """The newest error of each code, for a while. Safe to use from any thread.

    librdkafka answers a call to a broker that lets nobody in with a time-out;
    the reason comes by ``error_cb``, whenever the client is polled.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._errors: dict[int, tuple[float, str]] = {}
        self._changed = threading.Lock()

    def hear(self, error: Any) -> None:
        """Keep an error; it is an ``error_cb``."""
        with self._changed:
            self._errors[error.code()] = (self._clock(), _AROUND.sub("", error.str()))

    def reason(self, code: int) -> str | None:
        """Return what was said with a code not long ago, or None."""
        with self._changed:
            at, text = self._errors.get(code, (-REMEMBERED_SECONDS, ""))
        return text if self._clock() - at < REMEMBERED_SECONDS else None
