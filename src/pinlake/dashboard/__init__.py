"""What there is to look at: the report and the flow's figures."""
