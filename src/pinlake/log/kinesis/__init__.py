"""A real Kinesis as the log of streams: signed requests, shards read in order, puts in batches."""
