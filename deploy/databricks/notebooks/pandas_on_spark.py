# Databricks notebook source
# MAGIC %md
# MAGIC # Pandas on Spark
# MAGIC
# MAGIC The cleaned tables as data frames of the pandas API on Spark: what reads like pandas runs
# MAGIC on the cluster.

# COMMAND ----------

import pyspark.pandas as ps

import pinlake

ps.set_option("compute.fail_on_ansi_mode", False)
with pinlake.open() as lake:
    names = {name: lake.spark_name(f"clean/{name}") for name in lake.dataset.tables}
frames = {name: spark.table(table).pandas_api() for name, table in names.items()}

# COMMAND ----------

for name, frame in frames.items():
    print(f"{name}: {len(frame)} rows of {names[name]}; NULLs by column:")
    display(frame.isnull().sum().to_frame("nulls").to_spark(index_col="column"))
