# SPDX-License-Identifier: MIT
"""Lists what a workspace depends on, one requirement a line, without running any of its code.

usage: python3 -I dependencies.py DIR >requirements.txt

Reads requirements*.txt, pyproject.toml, setup.cfg and setup.py (only lists of literal strings: it is parsed, not run).
What is no plain requirement (options, URLs, paths) is left out and named on standard error.
"""

import ast
import configparser
import pathlib
import re
import sys
import tomllib

EXTRAS = {"test", "tests", "testing", "dev", "develop"}
# PEP 508 without "@ URL".
PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._,\s-]*\])?\s*(\(?[<>=!~][^;@]*\)?)?\s*(;.*)?$")


def from_requirements(text):
    text = re.sub(r"\\\r?\n", " ", text)
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\s--hash=\S+", "", line).strip()
        if line:
            yield line


def from_pyproject(text):
    project = tomllib.loads(text).get("project", {})
    yield from project.get("dependencies", [])
    for name, lines in project.get("optional-dependencies", {}).items():
        if name.lower() in EXTRAS:
            yield from lines


def from_setup_cfg(text):
    config = configparser.RawConfigParser()
    config.read_string(text)
    lists = [config.get("options", "install_requires", fallback=""), config.get("options", "tests_require", fallback="")]
    if config.has_section("options.extras_require"):
        lists += [value for name, value in config.items("options.extras_require") if name.lower() in EXTRAS]
    for value in lists:
        yield from from_requirements(value)


def literal_strings(node):
    try:
        value = ast.literal_eval(node)
    except ValueError:
        print(f"setup.py, line {node.lineno}: computed, not a list of strings: left out", file=sys.stderr)
        return []
    values = value.items() if isinstance(value, dict) else [("test", value)]
    return [line for name, lines in values if str(name).lower() in EXTRAS
            for line in ([lines] if isinstance(lines, str) else lines)]


def from_setup_py(text):
    for call in ast.walk(ast.parse(text)):
        if isinstance(call, ast.Call):
            for keyword in call.keywords:
                if keyword.arg in ("install_requires", "tests_require", "extras_require"):
                    yield from literal_strings(keyword.value)


READERS = [("requirements*.txt", from_requirements), ("pyproject.toml", from_pyproject),
           ("setup.cfg", from_setup_cfg), ("setup.py", from_setup_py)]


def main(folder):
    seen = set()
    for pattern, reader in READERS:
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            try:
                lines = list(reader(path.read_text(encoding="utf-8")))
            except (ValueError, SyntaxError, TypeError, AttributeError, configparser.Error, RecursionError) as why:
                print(f"{path.name}: cannot be read: {why}", file=sys.stderr)
                continue
            for line in lines:
                if not isinstance(line, str) or not PLAIN.match(line.strip()):
                    print(f"{path.name}: not a plain requirement, left out: {line!r}", file=sys.stderr)
                elif line.strip() not in seen:
                    seen.add(line.strip())
                    print(line.strip())


main(sys.argv[1])
