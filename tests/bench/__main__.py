"""`make bench`: run the benches of this folder, or those that are named, and print their tables."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from tests.bench import claims, crowd, firstbyte, ingest, loads, logins, report, rest, timing
from tests.bench.progress import say
from tests.bench.results import BenchError, Result, read, write
from tseeder_stack.errors import StackError

BENCHES = (rest.NAME, ingest.NAME, firstbyte.NAME, loads.NAME, crowd.NAME, claims.NAME, logins.NAME, timing.NAME)


def main() -> int:
    args = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    failed = False
    for name in args.benches or BENCHES:
        try:
            found = read(name) if args.only_docs else _run(name, quick=args.quick)
            if found is None:
                raise BenchError("no result here yet; run it first")
            print(report.table(found) + "\n")
            if args.only_docs or (args.docs and not args.quick):
                say("written: " + ", ".join(str(path) for path in report.write_document(found)))
        except (BenchError, StackError) as error:
            say(f"{name}: {error}")
            failed = True
        except KeyboardInterrupt:
            say(f"{name}: interrupted")
            return 130
    return 1 if failed else 0


def _run(name: str, *, quick: bool) -> Result:
    if name == ingest.NAME:
        found = ingest.run((16, 32, 64), rounds=1) if quick else ingest.run()
    elif name == firstbyte.NAME:
        found = firstbyte.run(64, rounds=1) if quick else firstbyte.run()
    elif name == loads.NAME:
        found = loads.run(loads.Sizes(40, 8, 32), rounds=1) if quick else loads.run()
    elif name == crowd.NAME:
        found = crowd.run(transfers=10, each_mib=2, rounds=1) if quick else crowd.run()
    elif name == claims.NAME:
        found = claims.run(claims.QUICK, rounds=1, claims=20) if quick else claims.run()
    elif name == logins.NAME:
        found = logins.run(rounds=1, phase_seconds=2) if quick else logins.run()
    elif name == timing.NAME:
        found = timing.run(pairs=20) if quick else timing.run()
    else:
        found = rest.run(rounds=1, rest_seconds=2) if quick else rest.run()
    if quick:
        say("small sizes, one round: this shows that it works, and measures nothing; not kept")
    else:
        say(f"kept: {write(found)}")
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"{', '.join(BENCHES)}; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round, to see that it works")
    parser.add_argument("--docs", action="store_true", help="write the tables and charts into docs/performance.md, too")
    parser.add_argument("--only-docs", action="store_true", help="do not run; write the last results into the docs")
    args = parser.parse_args()
    if unknown := set(args.benches) - set(BENCHES):
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
    return args


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # as Ctrl-C: contexts are left, programs stopped, folders removed


if __name__ == "__main__":
    sys.exit(main())
