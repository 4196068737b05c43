"""CreateStream and DeleteStream."""

from __future__ import annotations

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.operation import STREAM_NAME, Answer, Call, Operation
from pinlake.gateway.kinesis.types import Member

ON_DEMAND_SHARDS = 4
MODES = ("PROVISIONED", "ON_DEMAND")

SHARD_COUNT = Member("Integer", least=1, most=100_000)
MODE = Member("Structure", members={"StreamMode": Member("String", required=True, choices=MODES)})


async def create_stream(call: Call) -> Answer:
    """Make a stream; it is CREATING for a while, then ACTIVE."""
    mode = call.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    shards = call.get("ShardCount", ON_DEMAND_SHARDS if mode == "ON_DEMAND" else None)
    if shards is None:
        reason = "ShardCount is required for a stream in PROVISIONED mode."
        raise Refused(errors.VALIDATION, reason=reason)
    await call.account.create(call["StreamName"], shards, mode, call.region)
    return None


async def delete_stream(call: Call) -> Answer:
    """Delete a stream and its records."""
    stream = await call.account.current(call["StreamName"])
    call.account.check_active(stream)
    await call.account.delete(stream.name)
    return None


OPERATIONS = {
    "CreateStream": Operation(
        {"ShardCount": SHARD_COUNT, "StreamName": STREAM_NAME, "StreamModeDetails": MODE},
        create_stream,
    ),
    "DeleteStream": Operation(
        {"StreamName": STREAM_NAME, "EnforceConsumerDeletion": Member("Boolean")}, delete_stream
    ),
}
