-- Who has the most followers, per country?
WITH posters AS (
  SELECT geo.country, pin.poster_name, max(pin.follower_count) AS follower_count
  FROM `pin` AS pin
  JOIN `geo` AS geo ON geo.ind = pin.ind
  WHERE geo.country IS NOT NULL
    AND pin.poster_name IS NOT NULL
    AND pin.follower_count IS NOT NULL
  GROUP BY geo.country, pin.poster_name
), ranked AS (
  SELECT *, rank() OVER (PARTITION BY country ORDER BY follower_count DESC) AS place
  FROM posters
)
SELECT country, poster_name, follower_count
FROM ranked
WHERE place = 1
ORDER BY country, poster_name
