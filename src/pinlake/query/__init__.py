"""Questions and SQL over the lake's tables, and their answers in every form."""
