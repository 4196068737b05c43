"""Events in over HTTP, clean and queryable Delta tables out."""
