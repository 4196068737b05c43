"""A connection to a database by its URL, and the errors it may give."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from pinlake.errors import LibraryMissing, SourceFailed

_MYSQL = ("mysql+pymysql", "A MySQL source", "pymysql", "mysql")
_MARIADB = ("mariadb+pymysql", "A MariaDB source", "pymysql", "mysql")
_POSTGRES = ("postgresql+psycopg", "A PostgreSQL source", "psycopg", "postgres")
DRIVERS = {
    "mysql": _MYSQL,
    "mysql+pymysql": _MYSQL,
    "mariadb": _MARIADB,
    "mariadb+pymysql": _MARIADB,
    "postgresql": _POSTGRES,
    "postgresql+psycopg": _POSTGRES,
    "postgres": _POSTGRES,
}
"""By the URL's scheme: SQLAlchemy's dialect and driver, and what to install for it."""
CONNECT_SECONDS = 10
"""How long a server may take to answer at first; ``connect_timeout`` in the URL says otherwise."""
MASK = "***"

# SQLAlchemy would print the traceback of a cursor that it cannot close, beside our own error;
# a program that sets up logging of its own still gets it.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())


def connect(url: str) -> Engine:
    """Return an engine for an SQLAlchemy URL; nothing is opened before its first use.

    ``mysql://``, ``mariadb://`` and ``postgres[ql]://`` take the driver of our
    extras; a URL that names a driver keeps it. Raises SourceFailed and LibraryMissing.
    """
    parsed = _parse(url)
    dialect, feature, library, extra = DRIVERS.get(parsed.drivername, (None, "", "", ""))
    try:
        engine = create_engine(
            _patient(parsed.set(drivername=dialect)) if dialect else parsed,
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
    if dialect:
        event.listen(engine, "connect", _of_postgres if dialect == _POSTGRES[0] else _of_mysql)
    return engine


def shown_url(url: str) -> str:
    """Return a URL fit for logs and messages: every password in it is masked."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return MASK
    if "@" in (parsed.host or ""):  # what is behind the first @ may be of the password
        return MASK
    secret = {name: MASK for name in parsed.query if "pass" in name.lower()}
    return parsed.update_query_dict(secret).render_as_string(hide_password=True)


def has_password(url: str) -> bool:
    """Tell whether a URL holds a secret, wherever in it. Raises SourceFailed."""
    parsed = _parse(url)
    return parsed.password is not None or any("pass" in name.lower() for name in parsed.query)


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
    except TypeError as error:  # what pymysql says to an option that it does not know
        if "unexpected keyword argument" not in str(error):
            raise
        option = str(error).rpartition(" ")[2]
        reason = f"the driver knows no option {option}: take it out of the URL"
        raise SourceFailed(url=shown_url(url), reason=reason) from error


def _patient(url: URL) -> URL:
    """Return a server's URL with an end to the wait for an answer."""
    given = "connect_timeout" in url.query
    return url if given else url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})


def _of_mysql(connection: Any, _record: Any) -> None:
    """Have TIMESTAMP columns told in UTC, whatever the server's own zone."""
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")


def _of_postgres(connection: Any, _record: Any) -> None:
    from pinlake.source.postgres import settle

    settle(connection)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        reason = "this is no SQLAlchemy URL, such as mysql://user:password@host/pinterest_data"
        raise SourceFailed(url=shown_url(url), reason=reason) from error
    if "@" in (parsed.host or ""):
        reason = "it has more than one @: write those of user and password as %40"
        raise SourceFailed(url=shown_url(url), reason=reason)
    return parsed


ADVICE = (
    ("no such table", "make the sample with `pinlake sample`, or set `source` to another database"),
    ("doesn't exist", "make the sample with `pinlake sample`, or set `source` to another database"),
    ("does not exist", "make the sample with `pinlake sample`, or set `source` to another"),
    ("unable to open database file", "does its folder exist, and may it be written to?"),
    ("locked", "another program writes to it: wait for it and try again"),
    ("refused", "is the database running, and are host and port right?"),
    ("command denied", "grant this user SELECT on it"),
    ("permission denied", "grant this user SELECT on it"),
    ("denied", "check user and password in PINLAKE_SOURCE"),
    ("authentication", "check user and password in PINLAKE_SOURCE"),
)


def _advice(error: DBAPIError) -> str:
    said = " ".join(str(error.orig).split())
    for words, advice in ADVICE:
        if words in said.lower():
            return f"{said}; {advice}"
    return said
