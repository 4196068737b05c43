"""``python -m pinlake`` is the ``pinlake`` command."""

from pinlake.cli.main import main

if __name__ == "__main__":
    main()
