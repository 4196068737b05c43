-- How many people joined, per year from 2015 to 2020?
WITH people AS (
  SELECT DISTINCT user_name, age, date_joined
  FROM `user`
  WHERE year(date_joined) BETWEEN 2015 AND 2020
)
SELECT CAST(year(date_joined) AS INT) AS post_year, count(*) AS number_users_joined
FROM people
GROUP BY year(date_joined)
ORDER BY post_year
