"""Reading a partition on from where one stopped, so that no record is skipped in silence."""

from __future__ import annotations

from pinlake.errors import RecordsGone
from pinlake.log.base import Batch, LogReader, Position, is_untold
from pinlake.record import Partition


def read_on(
    log: LogReader, partition: Partition, after: Position | None, max_bytes: int, upto: Position
) -> Batch:
    """Return what ``log.read`` does; raise RecordsGone where the log forgot records in between.

    ``after`` None is the beginning, whatever it is. Records that went with a
    deleted topic are none that are missed. A log of untold ends looks for itself.
    """
    batch = log.read(partition, after, max_bytes, upto)
    if after is None or after >= upto or is_untold(upto):
        return batch
    if not len(batch) or batch.positions[0] > after + 1:
        _check_kept(log, partition, after)
    return batch


def _check_kept(log: LogReader, partition: Partition, after: Position) -> None:
    states = log.describe(partition.log_name).partitions
    state = next(each for each in states if each.number == partition.number)
    first, beginning = max(after + 1, state.origin), state.beginning
    if first < beginning:
        raise RecordsGone(
            partition=partition,
            after=after,
            beginning=beginning,
            count=beginning - first,
            first=first,
            last=beginning - 1,
        )
