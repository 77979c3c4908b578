"""Profile-guided builds: what is missing or wrong for one ends the configuration, and is said.

That one can be built takes minutes, and is for whoever runs tools/pgo.
"""
import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


class Configured(unittest.TestCase):
    def refused(self, *options):
        """What cmake says of it."""
        with tempfile.TemporaryDirectory(prefix="weir-test-") as folder:
            done = subprocess.run(
                ["cmake", "-S", TOP, "-B", os.path.join(folder, "b"), "-DWEIR_BUILD_TESTS=OFF",
                 "-DWEIR_PGO_PROFILE=" + os.path.join(folder, "none"), *options],
                capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return " ".join(done.stderr.split())

    def test_without_a_profile(self):
        said = self.refused("-DWEIR_PGO=use", "-DCMAKE_C_COMPILER=gcc")
        self.assertRegex(said, "There is no profile in /[^ ]*/none: `tools/pgo` makes one")

    def test_preset_without_a_profile(self):
        said = self.refused("--preset", "pgo")
        self.assertIn("There is no profile in", said)

    def test_that_is_neither(self):
        said = self.refused("-DWEIR_PGO=yes", "-DCMAKE_C_COMPILER=gcc")
        self.assertIn("WEIR_PGO is train or use, not yes", said)

    def test_by_another_compiler(self):
        if not shutil.which("clang"):
            self.skipTest("there is no clang")
        said = self.refused("-DWEIR_PGO=train", "-DCMAKE_C_COMPILER=clang")
        self.assertIn("WEIR_PGO needs gcc 12 or newer", said)


if __name__ == "__main__":
    unittest.main()
