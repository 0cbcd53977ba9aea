"""Matrix products side by side: Tessera, NumPy (OpenBLAS) and PyTorch (MKL), on the same inputs, after the answers were found equal.

Every sample runs each implementation once, one after the other (A B C A B C …), in processes of their own that wait for their turn, so that a
machine that slows down slows everybody down. A row is one shape, stored as n (as it is multiplied) or t (transposed); figures are GFLOP/s of the
best sample, the ratio is the median over samples of the better peer's time by Tessera's. With --json: one line for each row.

  benches/peers/.venv/bin/python benches/peers/matmul.py --shapes 1024x1024x1024 tn:64x100000x64 8*nn:128x64x128 --dtype f64,f32 --threads 1,2
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHAPES = (
    "16x16x16 32x32x32 128x128x128 256x256x256 512x512x512 1024x1024x1024 2048x2048x2048 10000x64x64 10000x256x256 10000x784x256 "
    "tn:64x100000x64 tn:256x10000x256 nt:512x512x512 tn:512x512x512 tt:512x512x512 16*nn:128x64x128"
).split()
# Relative to the largest possible sum of a result's terms: operands lie in [-1, 1).
TOLERANCE = {"f64": 1e-14, "f32": 1e-5}
CALL_S = 2e-3


def arguments() -> argparse.Namespace:
    split = lambda kind: lambda text: [kind(word) for word in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="[BATCH*][nn:|nt:|tn:|tt:]ROWSxCONTRACTEDxCOLUMNS")
    parser.add_argument("--dtype", type=split(str), default=["f64", "f32"])
    parser.add_argument("--threads", type=split(int), default=[1, 2])
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    return parser.parse_args()


class Case:
    """One product: how many, stored how, of which extents."""

    def __init__(self, text: str):
        batch, _, rest = text.rpartition("*")
        stored, _, extents = rest.rpartition(":")
        self.batch, self.stored = int(batch or 0), stored or "nn"
        self.m, self.k, self.n = (int(word) for word in extents.split("x"))
        self.flop = 2.0 * max(1, self.batch) * self.m * self.k * self.n
        self.repeat = max(1, int(CALL_S * 5e10 / self.flop)) if self.flop else 1

    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        leading = (self.batch,) if self.batch else ()
        a = (self.k, self.m) if self.stored[0] == "t" else (self.m, self.k)
        b = (self.n, self.k) if self.stored[1] == "t" else (self.k, self.n)
        return leading + a, leading + b


def serve(impl: str, case: Case, dtype: str, threads: int) -> None:
    """A peer: prints its answer, then the seconds of a call for every line it reads."""
    import measure

    measure.confine(threads)
    import data
    import numpy as np

    a, b = (data.between(-1.0, 1.0, seed, shape).astype(data.DTYPES[dtype]) for seed, shape in zip((11, 12), case.shapes()))
    if impl == "torch":
        import torch

        torch.set_num_threads(threads)
        a, b = torch.from_numpy(a), torch.from_numpy(b)
        multiply, version = torch.matmul, f"torch {torch.__version__}"
        turned = lambda x: x.transpose(-1, -2)
    else:
        multiply, version = np.matmul, f"numpy {np.__version__}"
        turned = lambda x: np.swapaxes(x, -1, -2)
    a, b = (turned(x) if stored == "t" else x for x, stored in zip((a, b), case.stored))
    result = np.asarray(multiply(a, b), dtype=np.float64).ravel()
    answer = data.answer(result[0] if result.size else 0.0, [result])
    print(json.dumps({"version": version, **answer}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(case.repeat):
            multiply(a, b)
        print(time.perf_counter() - start, flush=True)


def start(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)


def tessera(case: Case, dtype: str, threads: int) -> list[str]:
    """The command of Tessera's program for this case."""
    program = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "matmul"
    shape = f"{case.m}x{case.k}x{case.n}"
    options = {"shape": shape, "stored": case.stored, "batch": case.batch, "repeat": case.repeat, "dtype": dtype, "threads": threads}
    return [str(program), "--serve", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


def compare(text: str, dtype: str, threads: int, samples: int) -> dict:
    """One row."""
    case = Case(text)
    peer = lambda impl: [sys.executable, __file__, "--serve", impl, "--shapes", text, "--dtype", dtype, "--threads", str(threads)]
    running = {name: start(command) for name, command in
               (("tessera", tessera(case, dtype, threads)), ("numpy", peer("numpy")), ("torch", peer("torch")))}  # fmt: skip
    answers = {name: json.loads(process.stdout.readline()) for name, process in running.items()}
    scale = case.k * math.sqrt(max(1, case.batch) * case.m * case.n)
    for name, answer in answers.items():
        for key in ("loss", "gnorm", "gdot"):
            off = abs(answer[key] - answers["numpy"][key])
            if not off <= TOLERANCE[dtype] * scale:
                raise SystemExit(f"error: {text} {dtype}: {key} of {name} must be that of numpy, is {off:.2g} off")
    seconds = {name: [] for name in running}
    for sample in range(samples + 1):
        for name, process in running.items():
            process.stdin.write("\n")
            process.stdin.flush()
            taken = float(process.stdout.readline()) / case.repeat
            if sample > 0:
                seconds[name].append(taken)
    for process in running.values():
        process.stdin.close()
        process.wait()
    gflops = {name: round(case.flop / min(taken) * 1e-9, 1) for name, taken in seconds.items()}
    better = min(("numpy", "torch"), key=lambda name: min(seconds[name]))
    ratio = median(peer / own for peer, own in zip(seconds[better], seconds["tessera"]))
    best = min(seconds[better]) / min(seconds["tessera"])
    return {"workload": "matmul", "shape": text, "dtype": dtype, "threads": threads, "gflops": gflops, "better_peer": better,
            "ratio": round(ratio, 2), "ratio_of_best": round(best, 2), "versions": [a["version"] for a in answers.values() if "version" in a]}  # fmt: skip


def main():
    args = arguments()
    if args.serve:
        return serve(args.serve, Case(args.shapes[0]), args.dtype[0], args.threads[0])
    cargo = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "tessera-bench", "--bin", "matmul"]
    if subprocess.run(cargo, cwd=ROOT).returncode:
        raise SystemExit("error: cannot build tessera's matmul")
    if not args.json:
        print("| product | dtype | threads | tessera | numpy | torch | ratio | of best |\n|---|---|---|---|---|---|---|---|")
    for threads in args.threads:
        for dtype in args.dtype:
            for text in args.shapes:
                row = compare(text, dtype, threads, args.samples)
                words = [text, dtype, threads, *row["gflops"].values(), row["ratio"], row["ratio_of_best"]]
                print(json.dumps(row) if args.json else "| " + " | ".join(map(str, words)) + " |", flush=True)


if __name__ == "__main__":
    main()
