# Databricks notebook source
# MAGIC %md
# MAGIC # Clean geo
# MAGIC
# MAGIC What is new in `raw/geo` becomes rows of `clean/geo`, by `clean/geo.sql` of the data
# MAGIC set: one row a key, the first that arrived.

# COMMAND ----------

import pinlake

print(pinlake.clean("geo"))

# COMMAND ----------

with pinlake.open() as lake:
    display(lake.ask("SELECT * FROM geo ORDER BY ind LIMIT 20").to_pandas())
