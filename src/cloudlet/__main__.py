"""``python -m cloudlet`` is the command ``cloudlet``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="cloudlet")
