"""What the DAGs are made of: settings, the data set's tables, steps and two ways to run them."""
