"""The engine on Spark 4: local, by Spark Connect, or in the session that Databricks gives."""
