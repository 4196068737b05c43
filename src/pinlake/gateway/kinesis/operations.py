"""Every operation of the Kinesis API that is spoken, by its name in X-Amz-Target."""

from __future__ import annotations

from collections.abc import Mapping

from pinlake.gateway.kinesis import describe, manage, put, read
from pinlake.gateway.kinesis.operation import Operation

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
"""Operations of the service that are answered with UnknownOperationException."""
