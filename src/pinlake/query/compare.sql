-- How the rows of two tables differ, each row as often as it is there
WITH only_clean AS MATERIALIZED (SELECT * FROM clean_rows EXCEPT ALL SELECT * FROM stream_rows),
     only_stream AS MATERIALIZED (SELECT * FROM stream_rows EXCEPT ALL SELECT * FROM clean_rows)
SELECT (SELECT count(*) FROM clean_rows) AS clean_rows,
       (SELECT count(*) FROM stream_rows) AS stream_rows,
       (SELECT count(*) FROM only_clean) AS only_clean,
       (SELECT count(*) FROM only_stream) AS only_stream,
       (SELECT list(one) FROM (SELECT one FROM only_clean AS one LIMIT 3)) AS clean_examples,
       (SELECT list(one) FROM (SELECT one FROM only_stream AS one LIMIT 3)) AS stream_examples
