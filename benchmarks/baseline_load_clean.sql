-- name: macros
CREATE MACRO text(c) AS CASE WHEN regexp_matches(c, '[^ \t\r\n]') THEN c END;
CREATE MACRO utc(c) AS CASE
  WHEN regexp_full_match(c, '[0-9]{4}[-:][0-9]{2}[-:][0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}')
  THEN TRY_CAST(c[1:4] || '-' || c[6:7] || '-' || c[9:10] || ' ' || c[12:19] AS TIMESTAMPTZ) END;
CREATE MACRO number(c) AS CASE
  WHEN regexp_full_match(c, '[0-9]{1,18}([.][0-9]+)?[kKmMbB]?')
  THEN TRY_CAST(floor(TRY_CAST(regexp_extract(c, '^[0-9]+([.][0-9]{1,9})?') AS DECIMAL(27, 9))
    * CASE lower(right(c, 1)) WHEN 'k' THEN 1000 WHEN 'm' THEN 1000000
      WHEN 'b' THEN 1000000000 ELSE 1 END) AS BIGINT) END
-- name: raw
SELECT * EXCLUDE filename,
  regexp_extract(filename, 'topics/([^/]+)/', 1) AS _topic,
  CAST(regexp_extract(filename, 'partition=([0-9]+)', 1) AS INT) AS _partition,
  row_number() OVER () - 1 AS _offset, -- right for one partition whose objects begin at 0
  CAST(0 AS INT) AS _element, filename AS _object, CAST(NULL AS VARCHAR) AS _rescued_data
FROM read_json('$files', format = 'newline_delimited', filename = true,
  hive_partitioning = false, columns = $columns)
-- name: firsts
SELECT raw.* FROM raw SEMI JOIN (SELECT $key AS k, min(_offset) AS o FROM raw GROUP BY ALL) AS f
  ON raw.$key = f.k AND raw._offset = f.o
-- name: pin
SELECT index AS ind, text(unique_id) AS unique_id,
  text(nullif(title, 'No Title Data Available')) AS title,
  CASE WHEN description NOT IN ('No description available Story format',
    'No description available', 'Untitled') THEN text(description) END AS description,
  number(follower_count) AS follower_count,
  text(nullif(poster_name, 'User Info Error')) AS poster_name,
  text(nullif(tag_list, 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e')) AS tag_list,
  text(is_image_or_video) AS is_image_or_video,
  CASE WHEN image_src NOT IN ('Image src error.', 'Image src error') THEN text(image_src) END
    AS image_src,
  text(regexp_replace(save_location, '^Local save in ', '')) AS save_location,
  text(category) AS category
FROM firsts
-- name: geo
SELECT ind, text(country) AS country, {'latitude': latitude, 'longitude': longitude} AS coordinates,
  utc(timestamp) AS timestamp FROM firsts
-- name: user
SELECT ind, text(first_name) || ' ' || text(last_name) AS user_name, age,
  utc(date_joined) AS date_joined FROM firsts
