"""A streaming query by the source ``kinesis`` into a Delta table, as a process that may be killed."""

import sys

import spark_session


def start(spark, url, stream, folder, most):
    """Start the query; it goes on where its checkpoint is."""
    from pinlake.engine.spark.kinesis.source import register

    register(spark)
    rows = (
        spark.readStream.format("kinesis")
        .option("streamName", stream)
        .option("endpointUrl", url)
        .option("awsAccessKey", "any")
        .option("awsSecretKey", "any")
        .option("initialPosition", "trim_horizon")
        .option("minFetchPeriod", "50ms")
        .option("maxRecordsPerTrigger", most)
        .load()
    )
    return (
        rows.writeStream.format("delta")
        .option("checkpointLocation", f"{folder}/checkpoint")
        .start(f"{folder}/table")
    )


if __name__ == "__main__":
    url, stream, folder, most = sys.argv[1:]
    start(spark_session.start(), url, stream, folder, int(most)).awaitTermination()
