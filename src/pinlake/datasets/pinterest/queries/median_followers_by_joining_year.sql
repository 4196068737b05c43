-- How many followers does the median post have, per year in which its poster joined?
SELECT
  CAST(year(people.date_joined) AS INT) AS post_year,
  try_cast(percentile_disc(0.5) WITHIN GROUP (ORDER BY pin.follower_count) AS BIGINT)
    AS median_follower_count
FROM `pin` AS pin
JOIN `user` AS people ON people.ind = pin.ind
WHERE year(people.date_joined) BETWEEN 2015 AND 2020 AND pin.follower_count IS NOT NULL
GROUP BY year(people.date_joined)
ORDER BY post_year
