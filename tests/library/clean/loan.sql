-- Loans: times in UTC, blank readers become NULL
SELECT
  loan_id,
  isbn,
  blank_to_null(reader) AS reader,
  utc_timestamp(lent_at) AS lent_at,
  days
FROM `loan`
