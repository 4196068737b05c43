# Databricks notebook source
# MAGIC %md
# MAGIC # Clean user
# MAGIC
# MAGIC What is new in `raw/user` becomes rows of `clean/user`, by `clean/user.sql` of the data
# MAGIC set: one row a key, the first that arrived.

# COMMAND ----------

import pinlake

print(pinlake.clean("user"))

# COMMAND ----------

with pinlake.open() as lake:
    display(lake.ask("SELECT * FROM user ORDER BY ind LIMIT 20").to_pandas())
