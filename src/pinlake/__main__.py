"""``python -m pinlake`` is the ``pinlake`` command."""

from pinlake.cli import main

if __name__ == "__main__":
    main()
