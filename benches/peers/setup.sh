#!/usr/bin/env bash
# Makes benches/peers/.venv with the pinned peers. At once where they are there already.
#   setup.sh          JAX
#   setup.sh --torch  JAX and PyTorch; without PyTorch where it cannot be had
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: Python must be 3.11 or newer, $python is not: name another with PYTHON=…" >&2; exit 1; }
[ -x .venv/bin/pip ] || "$python" -m venv .venv ||
    { echo "setup: Python's venv module must be there (Debian: apt-get install python3-venv)" >&2; exit 1; }

# PyTorch's own index has builds without CUDA, a tenth of the size of PyPI's; pip falls back to PyPI where it is out of reach.
torch_index=https://download.pytorch.org/whl/cpu

install() {
    cmp -s "$1" ".venv/$1.installed" && return
    echo "setup: installing benches/peers/$1 into benches/peers/.venv" >&2
    .venv/bin/pip install --quiet --disable-pip-version-check -r "$@" && cp "$1" ".venv/$1.installed"
}

install requirements.txt
[ "${1:-}" != --torch ] || install requirements-torch.txt --extra-index-url "$torch_index" ||
    echo "setup: going on without PyTorch" >&2
