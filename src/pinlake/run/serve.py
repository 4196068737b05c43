"""``pinlake serve``: the gateway, and what the stages still need of its log."""

from __future__ import annotations

from collections.abc import Callable

from pinlake.dataset import Dataset
from pinlake.errors import PinlakeError
from pinlake.gateway.serve import serve
from pinlake.settings import Home, Sink
from pinlake.stage.connector.configuration import connector_of
from pinlake.stage.floor import floor_of
from pinlake.stage.worker import Wanted, everything
from pinlake.telemetry import logger


def run_serve(
    home: Home,
    dataset: Dataset,
    *,
    host: str,
    port: int,
    insecure: bool,
    user_id: str | None,
    announce: Callable[[str], None],
) -> None:
    """Run the gateway until it is told to stop; its log forgets what no stage needs any more.

    Makes the data set's topics and streams for ``user_id``, if there is one.
    Raises what ``gateway.serve`` raises.
    """
    serve(
        home,
        host=host,
        port=port,
        insecure=insecure,
        create=dataset.log_names(user_id) if user_id else (),
        floor=floor_of(home, dataset, _sunk(home.settings.sink)),
        announce=announce,
    )


def _sunk(settings: Sink) -> Wanted:
    """Return which topics the sink takes: all, while its configuration cannot be read."""
    try:
        return connector_of(settings).takes
    except (PinlakeError, OSError) as error:
        logger("gateway").warning("connector unusable, all topics are kept", reason=str(error))
        return everything
