-- How many followers does the median post have, per joining year and age group?
WITH posts AS (
  SELECT
    CAST(year(people.date_joined) AS INT) AS post_year,
    CASE
      WHEN people.age BETWEEN 18 AND 24 THEN '18-24'
      WHEN people.age BETWEEN 25 AND 35 THEN '25-35'
      WHEN people.age BETWEEN 36 AND 50 THEN '36-50'
      WHEN people.age > 50 THEN '+50'
    END AS age_group,
    pin.follower_count
  FROM `pin` AS pin
  JOIN `user` AS people ON people.ind = pin.ind
)
SELECT
  post_year,
  age_group,
  try_cast(percentile_disc(0.5) WITHIN GROUP (ORDER BY follower_count) AS BIGINT)
    AS median_follower_count
FROM posts
WHERE post_year BETWEEN 2015 AND 2020
  AND age_group IS NOT NULL
  AND follower_count IS NOT NULL
GROUP BY post_year, age_group
ORDER BY post_year, CASE age_group WHEN '+50' THEN 1 ELSE 0 END, age_group
