"""pinlake on AWS: one stack, one file a part of it."""
