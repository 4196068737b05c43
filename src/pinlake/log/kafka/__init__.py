"""A real Kafka as the log of topics, by confluent-kafka (librdkafka)."""
