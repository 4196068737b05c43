"""What is no row, as rows of a quarantine table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import nanoarrow as na
from deltalake import Field, Schema
from deltalake.schema import PrimitiveType
from nanoarrow.c_array_stream import CArrayStream

from pinlake.engine.decode import Reject
from pinlake.engine.values import Source


class Rejected(msgspec.Struct, frozen=True):
    """A value, or an element of its list, that is no row of its table, and why."""

    source: Source
    position: int
    reject: Reject


SCHEMA = Schema(
    [
        Field("topic", PrimitiveType("string")),
        Field("partition", PrimitiveType("string")),
        Field("position", PrimitiveType("string")),
        Field("element", PrimitiveType("integer")),
        Field("reason", PrimitiveType("string")),
        Field("bytes", PrimitiveType("binary")),
    ]
)


def as_sent(rejected: Rejected, content: bytes | None) -> Rejected:
    """Return what was rejected with the bytes that stood in its source, where they are others."""
    if content is None:
        return rejected
    reject = msgspec.structs.replace(rejected.reject, content=content)
    return msgspec.structs.replace(rejected, reject=reject)


class Rows:
    """Rejected values as an Arrow stream of SCHEMA's columns."""

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        self.rejected = rejected

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as a new Arrow stream of one batch."""
        columns = [
            na.c_array([each.source.topic for each in self.rejected], na.string()),
            na.c_array([str(each.source.partition) for each in self.rejected], na.string()),
            na.c_array([str(each.position) for each in self.rejected], na.string()),
            na.c_array([each.reject.element for each in self.rejected], na.int32()),
            na.c_array([each.reject.reason for each in self.rejected], na.string()),
            na.c_array([each.reject.content for each in self.rejected], na.binary()),
        ]
        names = [field.name for field in SCHEMA.fields]
        kind = na.c_schema(
            na.struct({name: each.schema for name, each in zip(names, columns, strict=True)})
        )
        rows = na.c_array_from_buffers(kind, len(self.rejected), [None], children=columns)
        return CArrayStream.from_c_arrays([rows], kind).__arrow_c_stream__(requested_schema)
