"""Every operation of the Kinesis API that is spoken, by its name in X-Amz-Target."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from pinlake.gateway.kinesis import describe, manage, put, read
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.operation import Answer, Call, Operation
from pinlake.gateway.kinesis.relay import Relay

OPERATIONS: Mapping[str, Operation] = {
    **manage.OPERATIONS,
    **describe.OPERATIONS,
    **put.OPERATIONS,
    **read.OPERATIONS,
}

NOT_YET = (
    "AddTagsToStream",
    "DecreaseStreamRetentionPeriod",
    "DeregisterStreamConsumer",
    "DescribeLimits",
    "DescribeStreamConsumer",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "IncreaseStreamRetentionPeriod",
    "ListStreamConsumers",
    "ListTagsForStream",
    "MergeShards",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "SubscribeToShard",
    "UpdateShardCount",
    "UpdateStreamMode",
)
"""Operations of the service that are answered with UnknownOperationException by our own streams."""

PASSED_ON = (
    "AddTagsToStream",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "DescribeLimits",
    "DescribeStream",
    "DescribeStreamConsumer",
    "DescribeStreamSummary",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetRecords",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListShards",
    "ListStreamConsumers",
    "ListStreams",
    "ListTagsForStream",
    "MergeShards",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "UpdateShardCount",
    "UpdateStreamMode",
)
"""Operations whose answers are one message, as all are but SubscribeToShard's."""


def spoken(account: Account) -> Mapping[str, Operation]:
    """Return the operations: our own, or before a real Kinesis our puts and all else passed on."""
    relay = account.relay
    if relay is None:
        return OPERATIONS
    passed = {
        name: Operation(None, _passed(relay, name), large=name == "GetRecords")
        for name in PASSED_ON
    }
    return {**passed, **put.OPERATIONS}


def _passed(relay: Relay, name: str) -> Callable[[Call], Awaitable[Answer]]:
    async def passed(call: Call) -> Answer:
        return await relay.passed(name, call.body)

    return passed
