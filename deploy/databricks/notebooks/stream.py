# Databricks notebook source
# MAGIC %md
# MAGIC # Stream
# MAGIC
# MAGIC Records of Kinesis, or of Kafka, become rows of the stream tables as they arrive: a query
# MAGIC and a checkpoint a table, side by side, each record once. `availableNow` takes what is
# MAGIC there and ends; a period, such as `10 seconds`, goes on until the run is stopped.

# COMMAND ----------

import pinlake

dbutils.widgets.text("table", "")
dbutils.widgets.text("source", "")
dbutils.widgets.text("trigger", "availableNow")
table = dbutils.widgets.get("table") or None
source, trigger = dbutils.widgets.get("source"), dbutils.widgets.get("trigger")
print(pinlake.stream_tables(spark, table, source=source, trigger=trigger))
