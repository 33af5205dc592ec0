"""`python -m edge`."""

import sys

from edge.commands.main import main

sys.exit(main())
