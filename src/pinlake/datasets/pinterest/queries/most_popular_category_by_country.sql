-- Which category do people post to most, per country?
WITH posts AS (
  SELECT geo.country, pin.category, count(*) AS category_count
  FROM `pin` AS pin
  JOIN `geo` AS geo ON geo.ind = pin.ind
  WHERE geo.country IS NOT NULL AND pin.category IS NOT NULL
  GROUP BY geo.country, pin.category
), ranked AS (
  SELECT *, rank() OVER (PARTITION BY country ORDER BY category_count DESC) AS place
  FROM posts
)
SELECT country, category, category_count
FROM ranked
WHERE place = 1
ORDER BY country, category
