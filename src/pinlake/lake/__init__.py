"""The lake: objects, Delta tables and plans under one root."""
