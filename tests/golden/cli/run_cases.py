#!/usr/bin/env python3
"""Golden tests of the command line.

A case is a file cases/NAME.case: lines that begin with `$ ` are shell commands, run one after the
other in one fresh folder; below each stands what it must print: stdout as it is, stderr with `! `
before each line, and `[CODE]` where the exit code is not 0. Text between the commands and a blank
line may be a comment (`# ...`). Paths, hashes and residue ids are replaced by words.

    run_cases.py WEFT SOURCE [--update] [NAME...]
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def normalise(text, source, folder):
    text = text.replace(str(folder), "TMP").replace(str(source), "ROOT")
    text = re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
    text = re.sub(r"SHA-256 [0-9a-f]{12} then, [0-9a-f]{12} now", "SHA-256 X then, Y now", text)
    return re.sub(r"\b(residue |residues +any +|flows +)?[0-9a-f]{12}\b(?= (on|\())", r"\1ID", text)


def run(command, folder, env, source):
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, text=True,
                          errors="replace", capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL)
    lines = normalise(done.stdout, source, folder).splitlines()
    lines += ["! " + line if line else "!" for line in
              normalise(done.stderr, source, folder).splitlines()]
    if done.returncode:
        lines.append(f"[{done.returncode}]")
    return lines


def play(case, weft, source):
    """The case's text with what the commands print now."""
    env = {"PATH": f"{weft.parent}:/usr/bin:/bin:/usr/sbin:/sbin", "WEFT_ROOT": str(source),
           "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    out = []
    with tempfile.TemporaryDirectory(prefix="weft-cli-") as folder:
        env["HOME"] = folder
        for line in case.read_text().splitlines():
            if line.startswith("#"):
                out.append(line)
            elif line.startswith("$ "):
                if out and not out[-1].startswith("#"):
                    out.append("")
                out.append(line)
                out += run(line[2:], pathlib.Path(folder), env, source)
    return "\n".join(out) + "\n"


def main():
    words = [w for w in sys.argv[1:] if w != "--update"]
    update = "--update" in sys.argv
    weft, source = pathlib.Path(words[0]).absolute(), pathlib.Path(words[1]).absolute()
    cases = sorted((pathlib.Path(__file__).parent / "cases").glob("*.case"))
    cases = [c for c in cases if not words[2:] or c.stem in words[2:]]
    if not cases:
        sys.exit("no such case")
    failed = 0
    for case in cases:
        now, golden = play(case, weft, source), case.read_text()
        if now == golden:
            print(f"ok    {case.stem}")
        elif update:
            case.write_text(now)
            print(f"wrote {case.stem}")
        else:
            failed += 1
            print(f"FAIL  {case.stem}")
            sys.stdout.writelines(difflib.unified_diff(golden.splitlines(True), now.splitlines(True),
                                                       "expected", "printed"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
