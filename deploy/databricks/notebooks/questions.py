# Databricks notebook source
# MAGIC %md
# MAGIC # Questions
# MAGIC
# MAGIC Each is one SQL file of the data set, over the cleaned tables.

# COMMAND ----------

import pinlake

with pinlake.open() as lake:
    for question in lake.questions().values():
        print(question.title)
        display(lake.ask(question.name).to_pandas())
