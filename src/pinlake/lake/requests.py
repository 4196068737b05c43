"""Asking S3: again where it did not answer, and its errors as ours."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from pinlake.errors import LakeFailed

T = TypeVar("T")

_WORDS = re.compile(r"<(?:Code|Message)>([^<]*)<")
_WRONG = re.compile(r"status code: 4(?!08|09|29)")
"""All of 4xx but a timeout, a conflict and too many requests."""

FINAL = (FileNotFoundError, PermissionDeniedError, UnauthenticatedError)
"""Answers that stay the same; obstore tells what is missing by Python's own error."""
TAKEN = (AlreadyExistsError, PreconditionError)
PATIENCE = 30.0
PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Asking:
    """Repeats a request until it is answered, for PATIENCE seconds.

    The pauses double, with jitter, up to five seconds.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, request: Callable[[], T]) -> T:
        """Return the answer. Raises FileNotFoundError, TAKEN and LakeFailed."""
        with self.told():
            for pause in self._pauses():
                try:
                    return request()
                except (*FINAL, *TAKEN):
                    raise
                except BaseError as error:
                    if pause is None or _is_final(error):
                        raise
                    time.sleep(pause)
        raise AssertionError

    def create(self, request: Callable[[], object], ours: Callable[[], bool]) -> bool:
        """Carry out a conditional write; tell whether what stands there is ours.

        Where the name is taken ``ours`` looks: an earlier attempt may have been carried
        out and its answer lost, here or on the way, where something repeated it.
        """
        try:
            self.ask(request)
        except TAKEN:
            return ours()
        return True

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Raise what S3 answers as LakeFailed, but for what is not there and what is taken."""
        try:
            yield
        except (FileNotFoundError, *TAKEN):
            raise
        except BaseError as error:
            raise LakeFailed(url=self.url, reason=reason(error)) from None

    def _pauses(self) -> Iterator[float | None]:
        """Yield how long to wait after each attempt; None after the last."""
        end, pause = time.monotonic() + PATIENCE, PAUSE
        while time.monotonic() + pause < end:
            yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            pause = min(LONGEST_PAUSE, pause * 2)
        yield None


def reason(error: BaseException) -> str:
    """Return what an error says; of S3's own words the code and message, for more may be secret."""
    text, xml, body = str(error).partition("\n\nDebug source")[0].partition("<")
    if xml:
        text += ", ".join(_WORDS.findall(body))
    return " ".join(text.split()) or type(error).__name__


def _is_final(error: BaseError) -> bool:
    """Tell whether S3 says that the request is wrong, as with a bucket that is missing."""
    return bool(_WRONG.search(str(error)))
