-- How often was each book lent?
SELECT book.title, CAST(count(*) AS BIGINT) AS loans
FROM `loan` AS loan
JOIN `book` AS book ON book.isbn = loan.isbn
WHERE book.title IS NOT NULL
GROUP BY book.title
ORDER BY loans DESC, title
