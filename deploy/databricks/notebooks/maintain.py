# Databricks notebook source
# MAGIC %md
# MAGIC # Maintain
# MAGIC
# MAGIC Small files become large ones, old versions and left-over files go.

# COMMAND ----------

from pinlake.home import open_home
from pinlake.run.maintain import maintain

if not maintain(*open_home(create=True), json=True):
    raise RuntimeError("a table could not be kept in order: the lines above say why")
