#!/usr/bin/env python3
"""Writes the example sessions from their stories (stories/*.py) and their before/ trees.

  make.py [NAME...]     writes the sessions in place
  make.py --check       writes them elsewhere and says whether the ones here are the same

Needs git and pytest. The same stories always give the same bytes, but for the words in which pytest explains a failure:
they differ from version to version, the sessions have those of pytest 7.2, and --check does not compare them.
"""

import importlib
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from recorder import Recorder  # noqa: E402

NAMES = ["one_line_fix", "three_file_fix", "auth_bug_fails"]


def make(name, target):
    story = importlib.import_module(f"stories.{name}")
    recorder = Recorder(HERE / name / "before", story.SESSION, story.TASK, story.REPO, story.ENVIRONMENT)
    story.tell(recorder)
    recorder.save(target, story.TITLE, story.SHOWS)


def files(root):
    """{path: bytes} of a tree; a failure in a test report is only the fact."""
    return {
        str(path.relative_to(root)): re.sub(rb"<failure message=.*?</failure>", b"<failure/>", path.read_bytes())
        for path in root.rglob("*") if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


def differences(made, kept):
    made, kept = files(made), files(kept)
    return sorted(name for name in {*made, *kept} if made.get(name) != kept.get(name))


def main(arguments):
    if arguments == ["--check"]:
        stale = 0
        for name in NAMES:
            with tempfile.TemporaryDirectory() as scratch:
                make(name, Path(scratch))
                different = differences(Path(scratch), HERE / name)
            print(f"{name}: {'up to date' if not different else 'differs: ' + ', '.join(different)}")
            stale += bool(different)
        return 1 if stale else 0
    if arguments in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"make.py: no such session: {', '.join(unknown)} (there are {', '.join(NAMES)})", file=sys.stderr)
        return 2
    for name in arguments or NAMES:
        make(name, HERE / name)
        print(f"{name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
