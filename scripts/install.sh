#!/usr/bin/env bash
# Makes sure that this machine can build Tessera, and installs what is missing from Debian's or Ubuntu's packages.
# Asks nothing, says what it does, and does nothing at once where nothing is missing.
#
#   scripts/install.sh          what the build needs: Rust, a C linker, HDF5, MPI, and libclang, which reads MPI's header
#   scripts/install.sh --lints  the same, and rustfmt and clippy, which `make test` needs
#   scripts/install.sh --cluster  the same, and Slurm and iproute2, which the tests of batch files and of several hosts need (they
#                                 are left out without it)
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    printf 'install: %s\n' "$@" >&2
    exit 1
}

# --- Rust -----------------------------------------------------------------------------------------------------------
rust_min=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
command -v cargo >/dev/null ||
    fail "Rust $rust_min or newer must be on PATH, found no cargo" "  get it from https://rustup.rs, then open a new shell"
rust_have=$(cargo --version | awk '{ print $2 }')
[ "$(printf '%s\n' "$rust_min" "${rust_have%%-*}" | sort -V | head -n 1)" = "$rust_min" ] ||
    fail "Rust must be $rust_min or newer, found $rust_have" "  run: rustup update stable"
if [ "${1:-}" = --lints ]; then
    for component in fmt clippy; do
        cargo "$component" --version >/dev/null 2>&1 ||
            fail "cargo $component must be there for the tests" "  run: rustup component add rustfmt clippy"
    done
fi

# --- Libraries ------------------------------------------------------------------------------------------------------
# One line each: a quick proof that it is there, and the packages that bring it.
links_c() { echo 'int main(void) { return 0; }' | cc -x c -o /dev/null -; }
has_pkg_config() { command -v pkg-config; }
has_hdf5() { [ -n "${HDF5_DIR:-}" ] || pkg-config --exists hdf5; }
has_mpi() { command -v mpicc && command -v mpirun; }
has_libclang() { [ -n "${LIBCLANG_PATH:-}" ] || compgen -G "/usr/lib/llvm-*/lib/libclang*.so*" || ldconfig -p | grep libclang; }
has_slurm() {
    local program
    for program in munged slurmctld slurmd sbatch; do PATH="$PATH:/usr/sbin" command -v "$program" || return 1; done
}
has_hosts() { PATH="$PATH:/usr/sbin:/sbin" command -v ip && PATH="$PATH:/usr/sbin:/sbin" command -v sysctl; }

missing=()
needs() { "$1" >/dev/null 2>&1 || missing+=("${@:2}"); }
needs links_c gcc libc6-dev
needs has_pkg_config pkg-config
needs has_hdf5 libhdf5-dev
needs has_mpi libopenmpi-dev openmpi-bin
needs has_libclang libclang-dev
if [ "${1:-}" = --cluster ]; then
    needs has_slurm munge slurmctld slurmd slurm-client
    needs has_hosts iproute2 procps
fi

[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
    fail "missing, by Debian's names: ${missing[*]}" \
        "  there is no apt-get here: install them with this system's own package manager" \
        "  (Fedora: gcc pkgconf hdf5-devel openmpi-devel clang-devel; macOS: brew install pkgconf hdf5 open-mpi llvm; or set HDF5_DIR to an HDF5 of your own)"

as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null ||
        fail "missing: ${missing[*]}" "  run: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    as_root=(sudo -n "${as_root[@]}")
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1
}

echo "install: installing ${missing[*]} with apt-get"
# Package lists may be absent, or too old to name files that still exist: then, and only then, fetch them anew.
if ! install_missing; then
    echo "install: bringing the package lists up to date first"
    "${as_root[@]}" apt-get update -qq </dev/null || echo "install: some package lists could not be fetched"
    install_missing || {
        cat "$log" >&2
        fail "apt-get could not install ${missing[*]}; its words are above"
    }
fi
echo "install: done"
