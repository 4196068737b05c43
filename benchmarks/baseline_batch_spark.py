"""Objects to raw, cleaned and answered in PySpark: offsets with gaps, no quarantine."""

import json
import sys
import time
from pathlib import Path

from pinlake import dataset
from pinlake.engine import functions

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import spark_session

FIRSTS = """SELECT raw.* FROM raw LEFT SEMI JOIN
  (SELECT {0} AS k, min(_offset) AS o FROM raw GROUP BY {0}) ON {0} = k AND _offset = o"""
RAW = """SELECT * EXCEPT (file_path, at), split_part(file_path, '/', -3) AS _topic, 0 AS _partition,
  (CAST(regexp_extract(file_path, '([0-9]+)[.]json', 1) AS BIGINT) << 42)
    + ((at >> 10) << 24) + (monotonically_increasing_id() & 16777215) AS _offset,
  0 AS _element, file_path AS _object, CAST(NULL AS STRING) AS _rescued_data FROM objects"""
spark_session.LOCAL["spark.driver.memory"] = "6g"
began, pinterest, spark = time.monotonic(), dataset.load("pinterest"), spark_session.start()
_ = [*map(spark.sql, functions.spark_statements(functions.words(pinterest.functions_sql)))]
jvm = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat")  # noqa: SLF001
for lake in sys.argv[1:]:  # a small lake, to be warm, and the one that counts
    start, used = time.monotonic(), sum(map(int, jvm.read_text().split()[13:15]))
    for name, table in pinterest.tables.items():
        columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
        objects = spark.read.schema(columns).json(f"{lake}/topics/*.{name}/*/*.json")
        objects = objects.selectExpr("*", "_metadata.file_path", "_metadata.file_block_start AS at")
        objects.createOrReplaceTempView("objects")
        spark.sql(RAW).write.format("delta").save(f"{lake}/raw/{name}")
        spark.read.format("delta").load(f"{lake}/raw/{name}").createOrReplaceTempView("raw")
        spark.sql(FIRSTS.format(table.columns[0].name)).createOrReplaceTempView(f"`{name}`")
        spark.sql(table.clean_sql).write.format("delta").save(f"{lake}/clean/{name}")
        spark.read.format("delta").load(f"{lake}/clean/{name}").createOrReplaceTempView(f"`{name}`")
    found = sum(len(spark.sql(each.sql).collect()) for each in pinterest.questions.values())
seconds, total = time.monotonic() - start, sum(map(int, jvm.read_text().split()[13:15]))
told = {"answers": found, "start": start - began, "seconds": seconds}
print(json.dumps(told | {"processor": (total - used) / 100}))
