"""The configuration of an S3 sink connector, as the sink takes it."""
