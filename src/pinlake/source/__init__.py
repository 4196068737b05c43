"""Where rows are born: databases and the sample generator."""
