"""Prints, per file, how many mutants the tests noticed, and every one that they did not.

usage: mutants-score.py MUTANTS-OUT
"""

import collections
import pathlib
import sys

out = pathlib.Path(sys.argv[1])


def read(*names):
    return {line for name in names if (out / name).is_file() for line in (out / name).read_text().splitlines() if line}


noticed = read("caught.txt", "previously_caught.txt", "timeout.txt")
missed = read("missed.txt") - noticed
files = collections.defaultdict(lambda: [0, 0])
for mutants, at in ((noticed, 0), (missed, 1)):
    for mutant in mutants:
        files[mutant.split(":", 1)[0]][at] += 1
for mutant in sorted(missed):
    print("not noticed:", mutant)
total = [sum(counts[at] for counts in files.values()) for at in (0, 1)]
for name, (killed, survived) in [*sorted(files.items()), ("all", total)]:
    share = 100 * killed / max(1, killed + survived)
    print(f"{share:6.1f} %  {killed:4} of {killed + survived:4}  {name}")
