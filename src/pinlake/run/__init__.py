"""What runs everything: the demo, the supervisor, the doctor."""
