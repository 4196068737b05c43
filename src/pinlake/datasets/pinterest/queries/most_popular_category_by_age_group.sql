-- Which category do people post to most, per age group?
WITH people AS (
  SELECT
    ind,
    CASE
      WHEN age BETWEEN 18 AND 24 THEN '18-24'
      WHEN age BETWEEN 25 AND 35 THEN '25-35'
      WHEN age BETWEEN 36 AND 50 THEN '36-50'
      WHEN age > 50 THEN '+50'
    END AS age_group
  FROM `user`
), posts AS (
  SELECT
    people.age_group,
    pin.category,
    count(*) AS category_count
  FROM `pin` AS pin
  JOIN people ON people.ind = pin.ind
  WHERE people.age_group IS NOT NULL AND pin.category IS NOT NULL
  GROUP BY people.age_group, pin.category
), ranked AS (
  SELECT *, rank() OVER (PARTITION BY age_group ORDER BY category_count DESC) AS place
  FROM posts
)
SELECT age_group, category, category_count
FROM ranked
WHERE place = 1
ORDER BY CASE age_group WHEN '+50' THEN 1 ELSE 0 END, age_group, category
