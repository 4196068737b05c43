"""Every operation of the Kinesis API that is spoken, by its name in X-Amz-Target."""

from __future__ import annotations

from collections.abc import Mapping

from pinlake.gateway import kinesis_describe, kinesis_manage, kinesis_put, kinesis_read
from pinlake.gateway.kinesis_operation import Operation

OPERATIONS: Mapping[str, Operation] = {
    **kinesis_manage.OPERATIONS,
    **kinesis_describe.OPERATIONS,
    **kinesis_put.OPERATIONS,
    **kinesis_read.OPERATIONS,
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
