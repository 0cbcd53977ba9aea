"""What a workload declares about itself, and the program that measures one peer at it.

A workload is one file here: its cases, its peers as functions, how equal their answers must be, and which figure is compared. The same
file, run as a program, measures one of its peers. `compare.py` runs the peers and Tessera's own program, and knows no workload by name.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field

import data
import measure

QUIET = 0.03


def times(record: dict) -> list[float]:
    """Seconds of a record's quiet samples; of all where fewer than three were quiet."""
    quiet = [s["seconds"] for s in record["samples"] if is_quiet(s, record["threads"])]
    return quiet if len(quiet) >= 3 else [s["seconds"] for s in record["samples"]]


def is_quiet(sample: dict, threads: int) -> bool:
    """Whether the machine left us alone: our threads hardly waited for a core, or had all of their cores all the time."""
    seconds = sample["seconds"]
    return sample["waited_s"] < QUIET * seconds or sample["cpu_s"] > (1 - QUIET) * threads * seconds


def difference(record: dict, reference: dict, tolerance: float) -> str | None:
    """How the answers differ by more than they may: g·v is held against |g|, since it may cancel."""
    for name, scale in (("loss", "loss"), ("gnorm", "gnorm"), ("gdot", "gnorm")):
        if not abs(record[name] - reference[name]) <= tolerance * abs(reference[scale]):
            return f"{name} must agree to {tolerance:g} of {scale}, got {record[name]!r} and {reference[name]!r}"
    return None


def difference_by_norm(record: dict, reference: dict, tolerance: float) -> str | None:
    """As `difference`, each against the norm of the gradient: for a loss whose terms cancel."""
    for name in ("loss", "gnorm", "gdot"):
        if not abs(record[name] - reference[name]) <= tolerance * reference["gnorm"]:
            return f"{name} must agree to {tolerance:g} of gnorm, got {record[name]!r} and {reference[name]!r}"
    return None


@dataclass(frozen=True)
class Workload:
    """One thing to be measured, in several cases. A case is a set of options of the programs, such as points=1000; it has threads and dtype."""

    name: str
    title: str
    # Cases of a full run and of a quick one.
    cases: list[dict]
    quick: list[dict]
    # The peers' forms, library first: each is called with the options and returns a call to be timed, a function that reads the answer of
    # the first call, and the library's version.
    peers: dict[str, Callable] = field(default_factory=dict)
    # Tessera's program where it is another workload's, and its forms, each with options of its own.
    program: str | None = None
    forms: dict[str, dict] = field(default_factory=lambda: {"tessera": {}})
    # Cases that a peer cannot do, or only in hours.
    skips: Callable[[str, dict], bool] = lambda peer, case: False
    # Where one process measures several things, one record each: the options that tell them apart, set in turn.
    rows: list[dict] = field(default_factory=lambda: [{}])
    # The figure: smaller is better.
    values: Callable[[dict], list[float]] = times
    unit: str = "ms"
    # What the option `points` counts.
    counted: str = "points"
    scale: float = 1e3
    # What two answers may differ by; None where there is nothing to hold against each other.
    tolerance: dict[str, float] | None = field(default_factory=lambda: {"f64": 1e-10, "f32": 1e-5})
    difference: Callable[[dict, dict, float], str | None] = difference
    # The work of a case for Tessera's program `machine`, as {"work": "fma", "amount": 2e9}: its time is the least possible.
    limit: Callable[[dict], dict | None] = lambda case: None
    # Times that all programs of a case are run, and seconds of sampling in each; a row has its own.
    rounds: Callable[[dict], int] = lambda case: 2
    seconds: float = 0.5

    @property
    def keys(self) -> list[str]:
        """Keys of a record that tell the rows of a process apart."""
        return list(self.rows[0])

    def installed(self) -> list[str]:
        """The peers whose library this Python has."""
        return [peer for peer in self.peers if importlib.util.find_spec(peer.split("_")[0])]

    def main(self) -> None:
        """Measures one peer: the command line and the record of `benches/README.md`."""
        options = {name: value for case in self.quick + self.cases for name, value in case.items()}
        args = measure.arguments(self.name, list(self.peers), options)
        measure.confine(args.threads)
        args.options += self.keys
        for row in self.rows:
            vars(args).update(row)
            step, answer, version = self.peers[args.impl](args)
            base_mib = measure.resident_mib()
            first_s, result = measure.first(step)
            answered = answer(result)
            del result
            samples = measure.sample(step, args.samples, args.seconds)
            measure.emit(self.name, args, version=version, first_s=first_s, samples=samples, base_mib=base_mib, **answered)


def product(**options: list) -> list[dict]:
    """Every combination of these options' values; the first varies slowest."""
    cases = [{}]
    for name, values in options.items():
        cases = [{**case, name: value} for case in cases for value in values]
    return cases


def loss_and_gradient(result) -> dict[str, float]:
    """The answer of a call that returns a loss and the gradient's parts in any nesting of lists, tuples and arrays."""
    loss, gradient = result
    return data.answer(loss, leaves(gradient))


def leaves(tree) -> list:
    """The arrays in nested lists and tuples."""
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, list | tuple) else [tree]
