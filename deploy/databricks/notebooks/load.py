# Databricks notebook source
# MAGIC %md
# MAGIC # Load
# MAGIC
# MAGIC Objects that the S3 sink wrote become rows of the raw Delta tables, each
# MAGIC once, however often this runs.
# MAGIC What cannot be read is in `quarantine/load`, with its reason.

# COMMAND ----------

import pinlake

print(pinlake.load())
