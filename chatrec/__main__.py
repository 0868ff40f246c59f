"""``python -m chatrec`` is the ``chatrec`` command."""

from chatrec.cli import main

if __name__ == "__main__":
    main()
