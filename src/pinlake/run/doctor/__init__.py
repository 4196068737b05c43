"""``pinlake doctor``: what is wrong with a home, and what to do."""
