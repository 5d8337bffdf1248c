#!/usr/bin/env bash
# Everything that only a GPU can show, in 8 minutes and without a network: see README.md.
#
#     bash experiments/gpu/check.sh OUT [--small]
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
if compgen -G ".wheels/*.whl" >/dev/null; then # what this Python lacks, carried along
  site=$(mktemp -d)
  trap 'rm -rf "$site"' EXIT
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" .wheels/*.whl
fi
export PYTHONPATH="$PWD${site:+:$site}${PYTHONPATH:+:$PYTHONPATH}"
export XLA_PYTHON_CLIENT_PREALLOCATE=false # PyTorch needs room beside JAX
"$python" -m experiments.gpu.check "$@"
