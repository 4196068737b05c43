"""``pinlake up``: the gateway and every stage, for ever."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from pinlake.dataset import Dataset
from pinlake.run.present import Presenter
from pinlake.run.supervisor import Service, Supervisor
from pinlake.settings import Home

STAGES = ("sink", "load", "clean", "stream")
TEND_SECONDS = 0.2


def services(
    home: Home, *serve: str, environment: Mapping[str, str] | None = None
) -> tuple[Service, ...]:
    """Return the gateway (with more arguments for ``serve``) and the four stages of a home."""
    at = ("--home", str(home.path))
    pace = dict(environment or {})
    return (
        Service("serve", ("serve", *at, *serve), pace),
        *(Service(stage, (stage, *at), pace) for stage in STAGES),
    )


def run_up(home: Home, dataset: Dataset, *, stop: threading.Event) -> None:
    """Run the services of a home until ``stop``; what fails is started again with back-off.

    Each service writes ``<home>/logs/<service>.log``.
    """
    presenter = Presenter()
    supervisor = Supervisor(services(home), home.path / "logs")
    gateway = home.settings.gateway
    supervisor.start()
    presenter.say(
        f"Running {dataset.name}: gateway on http://{gateway.host}:{gateway.port}, stages "
        f"{', '.join(STAGES)}.\nLogs: {home.path / 'logs'}. Stop with Ctrl-C."
    )
    try:
        while not stop.wait(TEND_SECONDS):
            for child in supervisor.tend():
                presenter.say(
                    f"{child.service.name} ended ({child.last_words()}); it starts again."
                )
    finally:
        supervisor.stop()
    presenter.say("Stopped; what was acknowledged is kept.")
