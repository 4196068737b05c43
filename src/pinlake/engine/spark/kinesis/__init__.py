"""The Spark data source ``kinesis``: a part that any Spark 4 session can register."""
