"""The ordered, durable, partitioned record log: the seam and its implementations."""
