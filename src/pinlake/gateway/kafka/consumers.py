"""The consumer's paths of Kafka REST v2, which say that consumers come later."""

from __future__ import annotations

from collections.abc import Sequence

from pinlake.gateway.base import Request, Response, Route
from pinlake.gateway.kafka import errors

INSTANCE = "/consumers/{group}/instances/{instance}"
PATHS = (
    ("POST", "/consumers/{group}"),
    ("DELETE", INSTANCE),
    *((method, f"{INSTANCE}/subscription") for method in ("GET", "POST", "DELETE")),
    *((method, f"{INSTANCE}/assignments") for method in ("GET", "POST")),
    *((method, f"{INSTANCE}/offsets") for method in ("GET", "POST")),
    ("POST", f"{INSTANCE}/positions"),
    ("POST", f"{INSTANCE}/positions/beginning"),
    ("POST", f"{INSTANCE}/positions/end"),
    ("GET", f"{INSTANCE}/records"),
)


class KafkaConsumers:
    """Tells a consumer that it is understood, and not served yet."""

    def routes(self) -> Sequence[Route]:
        """Return the paths."""
        title = "Not yet: consumers come in a later version"
        return [Route(method, path, self.later, title, "kafka") for method, path in PATHS]

    async def later(self, request: Request) -> Response:
        """Answer 404 and say why."""
        return errors.answer(errors.CONSUMERS_LATER, path=request.path)
