# SPDX-License-Identifier: MIT
"""The library from outside: installed with cmake, found with find_package, linked by samples/embed,
which sees nothing of the source tree, and run against an emulator."""
import pathlib
import shutil
import subprocess

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(harness.IDMERGE).parent


@harness.unittest.skipIf(harness.SANITIZED, "the sample would have to be built with sanitizers, too")
class Embed(harness.Case):
    def call(self, *words, **more):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_the_installed_package(self):
        prefix = self.dir / "prefix"
        self.call("cmake", "--install", BUILD, "--prefix", prefix)
        installed = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
        self.assertIn("bin/idmerge", installed)
        self.assertEqual({name for name in installed if name.endswith(".hpp")},
                         {str(path.relative_to(ROOT)) for path in ROOT.glob("include/idmerge/*.hpp")})
        self.assertEqual(self.call(prefix / "bin/idmerge", "--version"),
                         self.call(harness.IDMERGE, "--version"))

        sample = shutil.copytree(ROOT / "samples/embed", self.dir / "embed")
        self.call("cmake", "-G", "Ninja", "-S", sample, "-B", self.dir / "build",
                  f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Debug")
        self.call("cmake", "--build", self.dir / "build")
        embed = self.dir / "build/embed"

        emulator = self.emulator()
        table = self.dir / "pairs.csv"
        table.write_text("anonymous_id,user_id\nid-1-of-a-device,ann\nid-2-of-a-device,bob\n"
                         "id-1-of-a-device,ann\nid-3-of-a-device,ann\n,ann\n")
        out = self.call(embed, table, emulator.url, env=self.environment(), cwd=self.dir)
        self.assertRegex(out, r"plan [0-9a-f]{12}: 3 links\n"
                              r"5 rows: 3 delivered, 1 duplicate, 0 rejected, 0 held, 0 pending; 3 requests\n")
        self.assertEqual(emulator.clusters(), {frozenset({"ann", "id-1-of-a-device", "id-3-of-a-device"}),
                                               frozenset({"bob", "id-2-of-a-device"})})
        # Both are one program: it reads and continues the job, and finds nothing to do.
        self.check_account(table.with_name("pairs.csv.idmerge"), delivered=3, duplicate=1, skipped=1)
        self.run_idmerge("run", "--job", "pairs.csv.idmerge")

        # A wrong call ends with the code of the program and says why.
        other = shutil.copy(table, self.dir / "other.csv")
        done = subprocess.run([embed, other, "eu"], capture_output=True, text=True, cwd=self.dir,
                              env=self.environment(MIXPANEL_SECRET=None))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("MIXPANEL_SECRET", done.stderr)
        self.assertNotIn(harness.TOKEN, done.stderr)


if __name__ == "__main__":
    harness.main()
