"""Prints the share of regions that ran, file by file, test code left out; fails below a share of all.

A region that was compiled more than once, for one type or program and another, ran if any of its copies did.
Every region that did not run is listed in uncovered.txt beside the export.

usage: coverage-report.py EXPORT FOLDER LEAST-PERCENT
"""

import collections
import json
import pathlib
import re
import sys

export, folder, least = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
CODE = 0


TESTS = re.compile(r"#\[cfg\(test\)\]\n(?:#\[.*\]\n)*(?:pub\(crate\) )?mod (\w+)( \{|;)")


def tests_in(path):
    """The line from which on a file holds tests, and the files of tests that it declares."""
    text = path.read_text()
    begin, files = text.count("\n") + 2, set()
    for found in TESTS.finditer(text):
        if found[2] == ";":
            files.add(path.with_suffix("") / f"{found[1]}.rs")
        else:
            begin = min(begin, text.count("\n", 0, found.start()) + 1)
    return begin, files


sources, test_files = {}, set()
for path in folder.rglob("*.rs"):
    sources[str(path)], declared = tests_in(path)
    test_files |= {str(file) for file in declared}
folders = [pathlib.Path(file).with_suffix("") for file in test_files]
sources = {
    file: begin
    for file, begin in sources.items()
    if file not in test_files and not any(pathlib.Path(file).is_relative_to(below) for below in folders)
}
regions = collections.defaultdict(dict)
for function in json.loads(export.read_text())["data"][0]["functions"]:
    for line, column, end_line, end_column, count, file_id, _, kind in function["regions"]:
        file = function["filenames"][file_id]
        if kind == CODE and file in sources and line < sources[file]:
            key = (line, column, end_line, end_column)
            regions[file][key] = max(count, regions[file].get(key, 0))

uncovered, ran, all_of_them = [], 0, 0
for file, of_file in sorted(regions.items()):
    name = str(pathlib.Path(file).relative_to(folder))
    missed = sorted(key for key, count in of_file.items() if count == 0)
    uncovered += [f"{name}:{line}:{column}-{end_line}:{end_column}" for line, column, end_line, end_column in missed]
    ran += len(of_file) - len(missed)
    all_of_them += len(of_file)
    print(f"{100 * (1 - len(missed) / len(of_file)):6.1f} %  {len(of_file) - len(missed):5} of {len(of_file):5}  {name}")
share = 100 * ran / max(1, all_of_them)
print(f"{share:6.1f} %  {ran:5} of {all_of_them:5}  all regions of the core")
(export.parent / "uncovered.txt").write_text("".join(line + "\n" for line in uncovered))
sys.exit(f"less than {least:g} %" if share < least else 0)
