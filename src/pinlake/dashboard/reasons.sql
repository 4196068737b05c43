-- How many records were set aside, for each reason
SELECT reason, count(*) AS records FROM quarantined GROUP BY reason ORDER BY records DESC, reason
