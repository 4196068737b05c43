"""The one process that takes requests: it speaks Kafka REST and Kinesis and appends to the log."""
