"""The streaming query of one table, from a gateway's Kinesis to its end, as a process that may be killed."""

import sys

import pinlake
import spark_session
from harness.spark_streams import from_kinesis, stream_of

if __name__ == "__main__":
    url, home = sys.argv[1:]
    spark = spark_session.start()
    records = from_kinesis(spark, url, stream_of("geo"))
    query = pinlake.stream("geo", records, home=home, processingTime="0 seconds")
    query.processAllAvailable()
    query.stop()
    spark.stop()
    sys.exit(query.exception() is not None)
