"""Real clients that are quick and small. tools/clients has all of them, and says what they do."""
import unittest

from client_place import missing
from clients import CHECKS, run


class Clients(unittest.TestCase):
    """A test for each check; one whose client is not installed is skipped."""


def add(check):
    def test(self):
        if missing(check):
            self.skipTest("not installed: " + ", ".join(missing(check)))
        print(run(check), flush=True)
    test.__doc__ = check.run.__doc__
    setattr(Clients, "test_" + check.run.__name__, test)


for one in CHECKS:
    if one.is_quick:
        add(one)

if __name__ == "__main__":
    unittest.main()
