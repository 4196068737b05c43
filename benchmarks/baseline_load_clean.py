"""Objects to raw and clean tables by hand: no quarantine, no plan, twice the rows after a crash."""

import json
import sys
import time
from pathlib import Path

import duckdb
from deltalake import DeltaTable, write_deltalake

COLUMNS = {
    "pin": "index INT,unique_id,title,description,poster_name,follower_count,tag_list,"
    "is_image_or_video,image_src,downloaded INT,save_location,category",
    "geo": "ind INT,timestamp,latitude DOUBLE,longitude DOUBLE,country",
    "user": "ind INT,first_name,last_name,age INT,date_joined",
}
sql = dict(
    piece.split("\n", 1)
    for piece in Path(__file__).with_suffix(".sql").read_text().split("-- name: ")[1:]
)
lake = sys.argv[1]
marks = [(time.monotonic(), time.process_time())]
connection = duckdb.connect(config={"threads": 2})
connection.execute("SET TimeZone = 'UTC';" + sql["macros"])
for table, declared in COLUMNS.items():
    types = {
        name: kind or "VARCHAR" for name, _, kind in (c.partition(" ") for c in declared.split(","))
    }
    files = f"{lake}/topics/*.{table}/*/*.json"
    raw = sql["raw"].replace("$files", files).replace("$columns", str(types))
    write_deltalake(f"{lake}/raw/{table}", connection.sql(raw))
    marks.append((time.monotonic(), time.process_time()))
    connection.read_parquet(DeltaTable(f"{lake}/raw/{table}").file_uris()).create_view("raw")
    connection.sql(sql["firsts"].replace("$key", declared.split()[0])).create_view("firsts")
    write_deltalake(f"{lake}/clean/{table}", connection.sql(sql[table]))
    marks.append((time.monotonic(), time.process_time()))
print(json.dumps(marks))
