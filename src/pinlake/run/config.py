"""``pinlake config``: every setting, its value, and the variable that sets it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pinlake import settings
from pinlake.log.kafka.connection import is_shown
from pinlake.run.present import Presenter

PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@")
"""To the last @: one in front of it is of the password too."""
SECRET = re.compile(r"([?&;][^=&;]*(?:pass|secret|token)[^=&;]*=)[^&]*", re.IGNORECASE)


def show_config(path: Path | None, *, json: bool) -> None:
    """Print each setting; a URL's password is masked."""
    home = settings.read(path)
    presenter = Presenter(json=json)
    values: dict[str, Any] = {"home": str(home.path)}
    values |= {name: shown(name, value_of(home, name)) for name in settings.variables()}
    if json:
        presenter.say("", **values)
        return
    for name, value in values.items():
        presenter.say(f"{name:28} {value!s:40} {settings.environment_name(name)}")


def value_of(home: settings.Home, name: str) -> Any:
    """Return the value of a setting by its dotted name; the embedded default where it is empty."""
    value: Any = home.settings
    for part in name.split("."):
        value = getattr(value, part)
    embedded = {
        "topics": home.topics_url,
        "streams": home.streams_url,
        "lake": home.lake_url,
        "source": home.source_url,
    }
    return value or embedded.get(name, value)


def shown(name: str, value: Any) -> Any:
    """Return a setting's value as it may be shown."""
    return "***" if value and name in settings.SECRETS else masked(value)


def masked(value: Any) -> Any:
    """Return a value with a URL's password and secrets masked, and of [kafka] all but its pace."""
    if isinstance(value, dict):
        return {name: text if is_shown(name) else "***" for name, text in value.items()}
    if not isinstance(value, str):
        return value
    return SECRET.sub(r"\1***", PASSWORD.sub(r"\1:***@", value))
