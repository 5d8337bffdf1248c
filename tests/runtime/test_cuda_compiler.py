"""What is read from a compiled program: matrix products, exchanges between GPUs, tensor-core instructions."""

from jaxpose.runtime import cuda_compiler

HLO = """
  %a = f32[64,32]{1,0} parameter(0)
  %b = bf16[32,8]{1,0} parameter(1)
  %c = bf16[2,5,8]{2,1,0} parameter(2)
  %d = bf16[2,32,8]{2,1,0} parameter(3)
  %own = f32[2,5,32]{2,1,0} dot(%c, %d), lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={2}
  %library = (f32[64,8]{1,0}, s8[4194304]{0}) custom-call(%a, %b), custom_call_target="__cublas$lt$matmul", \
backend_config={"dot_dimension_numbers":{"lhs_contracting_dimensions":["1"]},"precision_config":{"operand_precision":["HIGHEST","HIGHEST"]}}
  %sum = (f32[3,2]{1,0}, f32[5]{0}) all-reduce-start(%x, %y), channel_id=1
  %done = (f32[3,2]{1,0}, f32[5]{0}) all-reduce-done(%sum)
  %whole = s32[16]{0} all-gather(%z), dimensions={0}
"""  # noqa: E501  # noqa: E501


def test_products_are_read_from_a_program():
    own, library = cuda_compiler.products(HLO)
    assert own == cuda_compiler.Product("bf16", "default", 2 * 2 * 5 * 32 * 8, 2 * (80 + 512) + 4 * 320, False)
    assert library == cuda_compiler.Product(
        "f32·bf16", "highest", 2 * 64 * 8 * 32, 4 * 64 * 32 + 2 * 32 * 8 + 4 * 64 * 8, True
    )


def test_exchanges_are_read_from_a_program():
    assert cuda_compiler.exchanges(HLO) == (
        cuda_compiler.Exchange("all-reduce", "f32", 6),
        cuda_compiler.Exchange("all-reduce", "f32", 5),
        cuda_compiler.Exchange("all-gather", "s32", 16),
    )


def test_tensor_core_instructions_are_read_from_assembly(tmp_path):
    (tmp_path / "plain.ptx").write_text("fma.rn.f32 %f1, %f2, %f3, %f4;")
    assert cuda_compiler.tensor_core_types(tmp_path) == set()
    (tmp_path / "ampere.ptx").write_text("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {…};")
    (tmp_path / "hopper.ptx").write_text("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {…};")
    assert cuda_compiler.tensor_core_types(tmp_path) == {"tf32", "bf16"}
