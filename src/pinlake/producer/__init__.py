"""From rows to requests: the classic producer's draws, its clients, its progress."""
