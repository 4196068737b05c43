"""The Kafka REST proxy: produce and metadata, version 2."""
