"""Kinesis: the paths of API Gateway, and the API itself."""
