-- The words of cleaning: what data-set SQL may call, as Spark SQL functions

-- Text, or NULL where nothing but space, tab, CR and LF is in it; kept as sent, not trimmed.
-- The first test spares the second for nearly every text: what sorts from '!' on starts with no blank.
CREATE TEMPORARY FUNCTION blank_to_null(c STRING) RETURNS STRING
RETURN CASE WHEN c >= '!' OR c RLIKE '[^ \\t\\r\\n]' THEN c END;

-- '12', '+12' or '-12' as an INT; anything else, or too large, NULL.
CREATE TEMPORARY FUNCTION whole_number(c STRING) RETURNS INT
RETURN CASE WHEN c RLIKE '^[+-]?[0-9]+\\z' THEN try_cast(c AS INT) END;

-- '9', '9k', '1.5M' or '2b' as a BIGINT, rounded down; anything else, or too large, NULL.
-- At most 18 digits before the fraction; its digits after the ninth cannot reach a whole number.
CREATE TEMPORARY FUNCTION abbreviated_number(c STRING) RETURNS BIGINT
RETURN CASE WHEN c RLIKE '^[0-9]{1,18}([.][0-9]+)?[kKmMbB]?\\z' THEN
  try_cast(floor(
    try_cast(regexp_extract(c, '^[0-9]+([.][0-9]{1,9})?', 0) AS DECIMAL(27, 9))
    * CASE lower(right(c, 1))
        WHEN 'k' THEN 1000
        WHEN 'm' THEN 1000000
        WHEN 'b' THEN 1000000000
        ELSE 1
      END
  ) AS BIGINT)
END;

-- '2018-03-01 12:00:00', '2018-03-01T12:00:00' or '2018:03:01 12:00:00' as a TIMESTAMP in UTC;
-- anything else (a fraction, Z, an offset, 24:00:00, a day that is not in the calendar) NULL.
CREATE TEMPORARY FUNCTION utc_timestamp(c STRING) RETURNS TIMESTAMP
RETURN CASE WHEN c >= '0001' AND c RLIKE '^([0-9]{4}-[0-9]{2}-[0-9]{2}[ T]|[0-9]{4}:[0-9]{2}:[0-9]{2} )([01][0-9]|2[0-3])(:[0-5][0-9]){2}\\z'
THEN
  try_cast(concat(
    substring(c, 1, 4), '-', substring(c, 6, 2), '-', substring(c, 9, 2), ' ', substring(c, 12, 8)
  ) AS TIMESTAMP)
END;
