"""A connection to a database by its URL, and the errors it may give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from pinlake.errors import LibraryMissing, SourceFailed

DRIVERS = {
    "mysql": ("mysql+pymysql", "A MySQL source", "pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "A MariaDB source", "pymysql", "mysql"),
    "postgresql": ("postgresql+psycopg", "A PostgreSQL source", "psycopg", "postgres"),
    "postgres": ("postgresql+psycopg", "A PostgreSQL source", "psycopg", "postgres"),
}
"""By the URL's scheme: SQLAlchemy's dialect and driver, and what to install for it."""
MASK = "***"


def connect(url: str) -> Engine:
    """Return an engine for an SQLAlchemy URL; nothing is opened before its first use.

    ``mysql://``, ``mariadb://`` and ``postgres[ql]://`` take the driver of our
    extras; a URL that names a driver keeps it. Raises SourceFailed and LibraryMissing.
    """
    parsed = _parse(url)
    dialect, feature, library, extra = DRIVERS.get(parsed.drivername, (None, "", "", ""))
    try:
        return create_engine(
            parsed.set(drivername=dialect) if dialect else parsed,
            hide_parameters=True,
            pool_pre_ping=parsed.get_backend_name() != "sqlite",
        )
    except ModuleNotFoundError as error:
        if not library:
            raise SourceFailed(url=shown_url(url), reason=f"install {error.name}") from error
        raise LibraryMissing(feature=feature, library=library, extra=extra) from error
    except NoSuchModuleError as error:
        reason = f"SQLAlchemy knows no dialect {parsed.drivername!r}; use sqlite, mysql, postgresql"
        raise SourceFailed(url=shown_url(url), reason=reason) from error


def shown_url(url: str) -> str:
    """Return a URL fit for logs and messages: every password in it is masked."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return MASK
    secret = {name: MASK for name in parsed.query if "pass" in name.lower()}
    return parsed.update_query_dict(secret).render_as_string(hide_password=True)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for another database or one in memory."""
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return None if str(parsed.database).startswith("file:") else Path(str(parsed.database))


@contextmanager
def failures(url: str) -> Iterator[None]:
    """Turn what the database refuses into SourceFailed, with the driver's own words."""
    try:
        yield
    except DBAPIError as error:
        raise SourceFailed(url=shown_url(url), reason=_advice(error)) from error
    except SQLAlchemyError as error:
        raise SourceFailed(url=shown_url(url), reason=error) from error


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        reason = "this is no SQLAlchemy URL, such as mysql://user:password@host/pinterest_data"
        raise SourceFailed(url=shown_url(url), reason=reason) from error


ADVICE = (
    ("no such table", "make the sample with `pinlake sample`, or set `source` to another database"),
    ("doesn't exist", "make the sample with `pinlake sample`, or set `source` to another database"),
    ("does not exist", "make the sample with `pinlake sample`, or set `source` to another"),
    ("unable to open database file", "does its folder exist, and may it be written to?"),
    ("locked", "another program writes to it: wait for it and try again"),
    ("refused", "is the database running, and are host and port right?"),
    ("denied", "check user and password in PINLAKE_SOURCE"),
    ("authentication", "check user and password in PINLAKE_SOURCE"),
)


def _advice(error: DBAPIError) -> str:
    said = " ".join(str(error.orig).split())
    for words, advice in ADVICE:
        if words in said.lower():
            return f"{said}; {advice}"
    return said
