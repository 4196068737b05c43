# Databricks notebook source
# MAGIC %md
# MAGIC # Clean pin
# MAGIC
# MAGIC What is new in `raw/pin` becomes rows of `clean/pin`, by `clean/pin.sql` of the data
# MAGIC set: one row a key, the first that arrived.

# COMMAND ----------

import pinlake

print(pinlake.clean("pin"))

# COMMAND ----------

with pinlake.open() as lake:
    display(lake.ask("SELECT * FROM pin ORDER BY ind LIMIT 20").to_pandas())
