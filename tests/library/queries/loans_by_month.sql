-- How many loans began in each month?
SELECT CAST(month(lent_at) AS INT) AS lent_month, CAST(count(*) AS BIGINT) AS loans
FROM `loan`
WHERE lent_at IS NOT NULL
GROUP BY month(lent_at)
ORDER BY lent_month
