-- Which category do people post to most, per year?
WITH posts AS (
  SELECT
    CAST(year(geo.`timestamp`) AS INT) AS post_year,
    pin.category,
    count(*) AS category_count
  FROM `pin` AS pin
  JOIN `geo` AS geo ON geo.ind = pin.ind
  WHERE geo.`timestamp` IS NOT NULL AND pin.category IS NOT NULL
  GROUP BY year(geo.`timestamp`), pin.category
), ranked AS (
  SELECT *, rank() OVER (PARTITION BY post_year ORDER BY category_count DESC) AS place
  FROM posts
)
SELECT post_year, category, category_count
FROM ranked
WHERE place = 1
ORDER BY post_year, category
