#!/usr/bin/env bash
# Makes benches/peers/.venv with the pinned peers. At once where they are there already.
#   setup.sh          JAX
#   setup.sh --torch  JAX and PyTorch (a large download; see requirements-torch.txt)
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "setup: Python must be 3.11 or newer, $python is not: name another with PYTHON=…" >&2; exit 1; }
[ -x .venv/bin/pip ] || "$python" -m venv .venv ||
    { echo "setup: Python's venv module must be there (Debian: apt-get install python3-venv)" >&2; exit 1; }

wanted=(requirements.txt)
[ "${1:-}" != --torch ] || wanted+=(requirements-torch.txt)
for list in "${wanted[@]}"; do
    done_mark=.venv/$list.installed
    cmp -s "$list" "$done_mark" && continue
    echo "setup: installing benches/peers/$list into benches/peers/.venv"
    .venv/bin/pip install --quiet --disable-pip-version-check -r "$list"
    cp "$list" "$done_mark"
done
