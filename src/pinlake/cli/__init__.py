"""The ``pinlake`` command: every room's front door, imported as late as possible."""
