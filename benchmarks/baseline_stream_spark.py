"""A Kafka topic to a cleaned Delta table by Spark Structured Streaming: no plan, no quarantine."""

import json
import sys
import time
from pathlib import Path

from pyspark.sql.functions import col, from_json

from pinlake import dataset
from pinlake.engine import functions

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import spark_session

spark_session.LOCAL["spark.driver.memory"] = "6g"
servers, folder, a_batch, *topics = sys.argv[1:]
began, pinterest, spark = time.monotonic(), dataset.load("pinterest"), spark_session.start()
_ = [*map(spark.sql, functions.spark_statements(functions.words(pinterest.functions_sql)))]
pin = pinterest.tables["pin"]
columns = ", ".join(f"`{column.name}` {column.type}" for column in pin.columns)
jvm = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat")  # noqa: SLF001
for topic in topics:  # a small one, to be warm, and the one that counts
    start, used = time.monotonic(), sum(map(int, jvm.read_text().split()[13:15]))
    source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", servers)
    source = source.option("subscribe", topic).option("startingOffsets", "earliest")
    records = source.option("maxOffsetsPerTrigger", a_batch).option("minPartitions", 2).load()
    row = from_json(col("value").cast("string"), columns).alias("row")
    rows = records.select(row).select("row.*")
    rows.dropDuplicates(["index"]).createOrReplaceTempView("pin")
    writing = spark.sql(pin.clean_sql).writeStream.format("delta").trigger(availableNow=True)
    writing.option("checkpointLocation", f"{folder}/{topic}.checkpoint")
    writing.start(f"{folder}/{topic}").awaitTermination()
seconds, total = time.monotonic() - start, sum(map(int, jvm.read_text().split()[13:15]))
found = spark.read.format("delta").load(f"{folder}/{topics[-1]}").count()
told = {"rows": found, "start": start - began, "seconds": seconds}
print(json.dumps(told | {"processor": (total - used) / 100}))
