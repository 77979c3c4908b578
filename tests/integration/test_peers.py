"""docs/peers.md says what Weir does beside other servers: Weir still does that, and meets each MUST.

tools/compare-peers asks the others too, where they are installed; here it asks Weir alone.
"""
import os
import subprocess
import sys
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/compare-peers")


class Peers(unittest.TestCase):
    def test_document_says_what_weir_does(self):
        done = subprocess.run([sys.executable, "-B", TOOL, "--only", "none"], capture_output=True,
                              text=True, timeout=170)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("weir", done.stdout)


if __name__ == "__main__":
    unittest.main()
