-- Books: weights in grams
SELECT
  isbn,
  blank_to_null(title) AS title,
  pages,
  grams(weight) AS grams
FROM `book`
