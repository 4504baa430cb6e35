#!/usr/bin/env python3
"""Same inputs, same plan, byte for byte: compiled ten times over in processes of their own, half of
them beside a neighbour that takes all the time it can get. Every day a few cards, with WEFT_NIGHTLY
every card.

    same_bytes.py WEFT SOURCE
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

TIMES = 10
# Card, workload, what else is said.
EVERYDAY = [
    ("intel_82599", "policy_gold", []),
    ("intel_e810", "many", ["--no-proof"]),
    ("tap", "policy_balance", ["--no-proof", "--cores", "2"]),
]
# 400 flows with rates that differ, and differ little: what has to be ordered has many ties.
MANY = """workload: many
host:
  mac: "02:77:65:66:74:02"
  address: 10.7.0.2/24
  gateway: 10.7.0.1
queues: 16
cores: 5
endpoints:
  echo: {udp: 7, app: udp_echo, rate: 100}
  other: {udp: 9, app: udp_echo, exclusive: on}
flows:
""" + "".join(f"  - {{endpoint: {'other' if i % 5 == 0 else 'echo'}, from: 10.7.1.{1 + i}, "
              f"ports: 40000-40003, rate: {1000 / (1 + i % 7):.3f}}}\n" for i in range(100))


class Neighbour:
    """Burns a processor while it is there."""

    def __enter__(self):
        self.child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def compile_once(weft, folder, number, card, workload, more):
    """The plan's bytes. The output has another name and the folder another one each time."""
    here = pathlib.Path(folder) / f"run{number}"
    here.mkdir(exist_ok=True)
    if workload == "many":
        workload = str(pathlib.Path(folder) / "many.yaml")
    out = here / f"plan{number}.yaml"
    env = {**os.environ, "LC_ALL": "C.UTF-8", "WEFT_NUMBER": "x" * number}
    done = subprocess.run([str(weft), "compile", "host_udp_ipv4", "--nic", card, "--workload",
                           workload, "-o", str(out), *more],
                          cwd=here, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode == 3:  # a refusal has bytes too
        return done.stderr.encode()
    if done.returncode:
        sys.exit(f"{card}, {workload}: [{done.returncode}] {done.stderr}")
    return out.read_bytes()


def check(weft, folder, card, workload, more):
    plans = []

    def some(first, last):
        plans.extend(compile_once(weft, folder, n, card, workload, more)
                     for n in range(first, last))

    some(0, TIMES // 2)
    with Neighbour():
        some(TIMES // 2, TIMES)
    digests = [hashlib.sha256(p).hexdigest()[:12] for p in plans]
    same = all(p == plans[0] for p in plans)
    print(f"{' '.join([card, workload, *more])}: {len(plans[0])} bytes, {TIMES} times"
          f"{'' if same else ', NOT THE SAME: ' + ' '.join(digests)}", flush=True)
    return same


def main():
    weft, source = pathlib.Path(sys.argv[1]).absolute(), pathlib.Path(sys.argv[2]).absolute()
    os.environ["WEFT_ROOT"] = str(source)
    cases = list(EVERYDAY)
    if os.environ.get("WEFT_NIGHTLY") == "1":
        cards = sorted(p.stem for p in (source / "nicmodels").glob("*.yaml"))
        cases += [(card, "policy_balance", []) for card in cards]
        cases += [("intel_82599", "many", []), ("intel_xl710", "many", [])]
    with tempfile.TemporaryDirectory(prefix="weft-same-") as folder:
        (pathlib.Path(folder) / "many.yaml").write_text(MANY)
        results = [check(weft, folder, *case) for case in cases]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
