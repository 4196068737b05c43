# Databricks notebook source
# MAGIC %md
# MAGIC # Clean one table
# MAGIC
# MAGIC What is new in a raw table becomes rows of the cleaned table, by the data set's SQL.

# COMMAND ----------

import pinlake

dbutils.widgets.text("table", "")
table = dbutils.widgets.get("table") or None
print(pinlake.clean(table))
