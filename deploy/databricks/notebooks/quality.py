# Databricks notebook source
# MAGIC %md
# MAGIC # Quality
# MAGIC
# MAGIC The data set's expectations are held against the cleaned tables.

# COMMAND ----------

from pinlake.home import open_home
from pinlake.run.quality import run_quality

if not run_quality(*open_home(create=True), None, "clean", json=True):
    raise RuntimeError("an expectation that must be met is not: the lines above say which")
