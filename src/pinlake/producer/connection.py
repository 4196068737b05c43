"""One kept HTTP connection to a gateway, and the patience to try again."""

from __future__ import annotations

import contextlib
import email.utils
import json
import random
import select
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

import msgspec

from pinlake.errors import GatewayForbids, GatewayUnreachable, SettingInvalid

TIMEOUT_SECONDS = 30.0
THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException")
"""Kinesis says "slow down" with status 400 and one of these codes."""


FORBIDDEN = frozenset({401, 403})
"""Who is not let in with one record is not with the next."""


class Patience(msgspec.Struct, frozen=True):
    """How often and how long to try again.

    Waits double from ``first`` to ``most`` seconds; each is cut by chance to
    half at least. ``attempts`` requests in all, ``attempts_unmet`` where this
    gateway never answered before. A Retry-After counts up to ``most_asked`` seconds.
    """

    attempts: int = 10
    attempts_unmet: int = 5
    first: float = 0.1
    most: float = 5.0
    most_asked: float = 60.0


PATIENT = Patience()


class Answer(msgspec.Struct, frozen=True):
    """What a gateway answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """The error's message where the body is JSON, else the start of the body."""
        with contextlib.suppress(ValueError, AttributeError):
            values = json.loads(self.body)
            return str(values.get("message") or values.get("__type") or values)[:500]
        return self.body[:500].decode("utf-8", "replace")

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later: 408, 429, 5xx, a throttled Kinesis."""
        if self.status == 400:
            return any(code.encode() in self.body for code in THROTTLED)
        return self.status in {408, 429} or self.status >= 500


class Connection:
    """Sends requests over one connection that is kept, and sends again what may pass.

    A request whose answer was lost is sent again, so the gateway may get it twice.
    ``retried`` counts the requests sent again. ``sleep`` and ``rng`` are the waits
    and their jitter, ``today`` is the clock that a Retry-After date is told against.
    ``api_key`` goes with each request as ``x-api-key``.
    """

    def __init__(
        self,
        url: str,
        *,
        sleep: Callable[[float], None],
        rng: random.Random,
        patience: Patience = PATIENT,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
        api_key: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self.retried = 0
        self._let_in = {"x-api-key": api_key} if api_key else {}
        self._sleep, self._rng, self._patience, self._today = sleep, rng, patience, today
        parts = _parts(url)
        self._prefix = parts.path.rstrip("/")
        self._http = _opened(parts)
        self._met = False

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def send(self, method: str, path: str, body: bytes, content_type: str) -> Answer:
        """Return the answer to a request, which may be a refusal.

        Raises GatewayUnreachable when neither an answer came nor any hope is left, and
        GatewayForbids where no record would be taken.
        """
        attempt = 1
        while True:
            answer, reason = self._once(method, path, body, content_type)
            if answer is not None and not answer.is_passing:
                if answer.status in FORBIDDEN:
                    raise GatewayForbids(url=self.url, reason=f"{answer.status} {answer.message}")
                return answer
            self.wait(attempt, reason, asked_wait(answer, self._today()))
            attempt += 1

    def wait(self, attempt: int, reason: str, asked: float | None = None) -> None:
        """Wait after failed attempt number ``attempt`` (from 1), or give up.

        ``asked`` is what the gateway asked for, in seconds. Raises GatewayUnreachable.
        """
        allowed = self._patience.attempts if self._met else self._patience.attempts_unmet
        if attempt >= allowed:
            raise GatewayUnreachable(url=self.url, reason=f"{reason}, {attempt} times")
        self.retried += 1
        self._sleep(pause(self._patience, attempt, asked, self._rng))

    def _once(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[Answer | None, str]:
        """Send once; return the answer or None, and what is to be said of it."""
        self._drop_if_ended()
        try:
            headers = {"Content-Type": content_type, **self._let_in}
            self._http.request(method, self._prefix + path, body=body, headers=headers)
            answer = _answer(self._http.getresponse())
        except (OSError, HTTPException) as error:
            self._http.close()
            return None, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self._met = True
        return answer, f"it answered {answer.status} {answer.message}"

    def _drop_if_ended(self) -> None:
        """Notice that the gateway closed the idle connection; the next request opens another."""
        if self._http.sock is not None and select.select([self._http.sock], [], [], 0)[0]:
            self._http.close()


def pause(patience: Patience, attempt: int, asked: float | None, rng: random.Random) -> float:
    """Return how many seconds to wait after failed attempt number ``attempt``, from 1."""
    if asked is not None:
        return min(asked, patience.most_asked)
    longest = min(patience.first * 2.0 ** (attempt - 1), patience.most)
    return longest * rng.uniform(0.5, 1.0)


def asked_wait(answer: Answer | None, now: datetime) -> float | None:
    """Return the seconds that an answer's Retry-After asks for: a number or a date (RFC 9110)."""
    text = answer.headers.get("retry-after", "") if answer is not None else ""
    if not text:
        return None
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def _answer(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.read(), headers)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        reason = "a gateway's address looks like http://127.0.0.1:8082"
        raise SettingInvalid(where="post", name="url", value=url, reason=reason)
    return parts


def _opened(parts: SplitResult) -> HTTPConnection:
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    assert parts.hostname is not None
    return kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
