-- How many posts did each category get, per year from 2018 to 2022?
SELECT
  CAST(year(geo.`timestamp`) AS INT) AS post_year,
  pin.category,
  count(*) AS category_count
FROM `pin` AS pin
JOIN `geo` AS geo ON geo.ind = pin.ind
WHERE year(geo.`timestamp`) BETWEEN 2018 AND 2022 AND pin.category IS NOT NULL
GROUP BY year(geo.`timestamp`), pin.category
ORDER BY post_year, category_count DESC, category
