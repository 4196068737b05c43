-- Places and times of posts: one point a post, times in UTC
SELECT
  ind,
  blank_to_null(country) AS country,
  struct(latitude, longitude) AS coordinates,
  utc_timestamp(`timestamp`) AS `timestamp`
FROM `geo`
