-- '350 g' as 350; anything else NULL.
CREATE TEMPORARY FUNCTION grams(c STRING) RETURNS INT
RETURN CASE WHEN c RLIKE '^[0-9]{1,6} g\\z' THEN try_cast(replace(c, ' g', '') AS INT) END;
