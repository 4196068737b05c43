-- Posts: placeholders and blanks become NULL, follower counts become whole numbers
SELECT
  index AS ind,
  blank_to_null(unique_id) AS unique_id,
  blank_to_null(nullif(title, 'No Title Data Available')) AS title,
  CASE
    WHEN description NOT IN (
      'No description available Story format',
      'No description available',
      'Untitled'
    ) THEN blank_to_null(description)
  END AS description,
  abbreviated_number(follower_count) AS follower_count,
  blank_to_null(nullif(poster_name, 'User Info Error')) AS poster_name,
  blank_to_null(nullif(tag_list, 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e')) AS tag_list,
  blank_to_null(is_image_or_video) AS is_image_or_video,
  CASE
    WHEN image_src NOT IN ('Image src error.', 'Image src error') THEN blank_to_null(image_src)
  END AS image_src,
  blank_to_null(regexp_replace(save_location, '^Local save in ', '')) AS save_location,
  blank_to_null(category) AS category
FROM `pin`
