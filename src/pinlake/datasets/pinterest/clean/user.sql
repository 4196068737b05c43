-- People who posted: one name a person, times in UTC
SELECT
  ind,
  concat(blank_to_null(first_name), ' ', blank_to_null(last_name)) AS user_name,
  age,
  utc_timestamp(date_joined) AS date_joined
FROM `user`
