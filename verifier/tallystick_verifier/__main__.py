"""``python -m tallystick_verifier``"""

import sys

from .command import main

sys.exit(main())
