"""The StableHLO file of the lifter that comes with jaxpose compiles for an NVIDIA card, too."""

import jax
import pytest
from jax import export

from jaxpose.runs.network_file import write_network
from jaxpose.runs.saved import load_saved
from jaxpose.runtime import cuda_compiler
from jaxpose.weights import find_weights


@pytest.mark.aot
@pytest.mark.skipif(not cuda_compiler.available(), reason="needs the GPU compiler: pip install '.[cuda-aot]'")
def test_the_file_compiles_for_a_card(tmp_path):
    file, _ = write_network(tmp_path / "lifter.stablehlo", load_saved(find_weights()))
    lift = export.deserialize(bytearray(file.read_bytes()))
    card = cuda_compiler.card_mesh(cuda_compiler.CARDS["h100"])
    keypoints = cuda_compiler.on_every_device(jax.ShapeDtypeStruct((2, 40, 17, 3), "float32"), card)
    text = jax.jit(lift.call).trace(keypoints).lower().compile().as_text()
    assert {product.precision for product in cuda_compiler.products(text)} == {"highest"}
    assert " conditional(" not in text  # of the code for a CPU and that for a GPU, one is left
