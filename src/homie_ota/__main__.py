"""`python -m homie_ota` is `homie-ota`."""

import sys

from homie_ota.cli import main

sys.exit(main())
