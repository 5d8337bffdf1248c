"""The real calls compiled for NVIDIA cards: what the machine code will do on a GPU, shown without one.

The compiler is in the extra `cuda-aot`; without it the tests that need it are skipped, and say so. Nothing here runs
on a GPU: results, speed and the libraries' own behaviour are not tested.
"""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import pytest
from helpers.samples import DESCRIPTION

from experiments.benchmarks import cuda, gpu_plan
from jaxpose.evaluation import predict_tracks
from jaxpose.models.temporal import multiply_adds
from jaxpose.runtime import devices
from jaxpose.training import loop, setup
from jaxpose.training.config import PRESETS, Config

PAPER = PRESETS["baseline-2048"]  # 2048 channels, 243 frames, batch 1024
TINY = Config(filter_widths=(3, 3), channels=32, batch_size=16)
CARDS = tuple(cuda.CARDS)
# What tensor cores multiply, by card and precision; Turing's know neither TF32 nor bfloat16.
TENSOR_CORES = {
    ("h100", "float32"): set(), ("h100", "tf32"): {"tf32"}, ("h100", "bfloat16"): {"bf16"},
    ("a100", "float32"): set(), ("a100", "tf32"): {"tf32"}, ("a100", "bfloat16"): {"bf16"},
    ("2080ti", "float32"): set(), ("2080ti", "tf32"): set(), ("2080ti", "bfloat16"): set(),
}  # fmt: skip
COMPILED_FIRST = {*((card, "float32") for card in CARDS), ("h100", "tf32"), ("h100", "bfloat16")}

needs_compiler = pytest.mark.skipif(not cuda.available(), reason="needs the GPU compiler: pip install '.[cuda-aot]'")
each_card = pytest.mark.parametrize("card", CARDS)
each_program = pytest.mark.parametrize(
    ("card", "precision"),
    [pytest.param(*key, marks=[] if key in COMPILED_FIRST else pytest.mark.slow) for key in TENSOR_CORES],
)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Plan of the training call and what tensor cores multiply in it, by card and precision; each compiled once."""

    @functools.cache
    def compiled(card, precision):
        dump = tmp_path_factory.mktemp("ptx")
        config = dataclasses.replace(PAPER, precision=precision)
        plan = cuda.compile_call(cuda.training_call(config, cuda.card_mesh(cuda.CARDS[card])), dump)
        return plan, cuda.tensor_core_types(dump)

    return compiled


@pytest.fixture(scope="module")
def evaluation():
    """Plan of the evaluation call by card and precision."""

    @functools.cache
    def compiled(card, precision="float32"):
        config = dataclasses.replace(PAPER, precision=precision)
        return cuda.compile_call(cuda.evaluation_call(config, cuda.card_mesh(cuda.CARDS[card])))

    return compiled


@pytest.fixture(scope="module")
def eight():
    """Plan of the training call that eight H100 share."""
    return cuda.compile_call(cuda.training_call(PAPER, cuda.card_mesh(cuda.CARDS["h100"], 8)))


def paper_state(config=PAPER):
    recipe = setup.build_recipe(config, cuda.HUMAN36M, cuda.TRAIN_FRAMES)
    return setup.init.eval_shape(recipe, jax.random.key(0))


def size(tree):
    """Bytes of a tree; a random key is two words."""
    leaves = jax.tree.leaves(tree)
    return sum(8 if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x.size * x.dtype.itemsize for x in leaves)


@needs_compiler
@each_program
def test_training_fits_the_card_beside_all_of_human36m(training, card, precision):
    plan, _ = training(card, precision)
    frames = cuda.TRAIN_FRAMES * (4 * 17 * (2 + 3) + 4)  # keypoints, poses, track
    order_and_starts = 4 * 3 * cuda.TRAIN_FRAMES
    assert plan.arguments == pytest.approx(size(paper_state()) + frames + order_and_starts, rel=1e-3)
    assert plan.peak < cuda.USABLE * cuda.CARDS[card].memory


@needs_compiler
@each_card
def test_evaluation_fits_the_card_beside_training(training, evaluation, card):
    both = training(card, "float32")[0].arguments + evaluation(card).peak
    assert both < cuda.USABLE * cuda.CARDS[card].memory


@needs_compiler
@each_program
def test_the_whole_state_is_donated(training, card, precision):
    assert training(card, precision)[0].donated == size(paper_state())


@needs_compiler
@each_program
def test_nothing_of_training_touches_the_host_or_float64(training, card, precision):
    plan, _ = training(card, precision)
    assert not plan.host
    assert plan.calls <= {"__cublas$lt$matmul"}
    assert "f64" not in plan.dtypes
    assert not plan.exchanges


@needs_compiler
@each_card
def test_nothing_of_evaluation_touches_the_host_or_float64(evaluation, card):
    plan = evaluation(card)
    assert not plan.host
    assert plan.calls <= {"__cublas$lt$matmul"}
    assert "f64" not in plan.dtypes
    assert not plan.exchanges


@needs_compiler
def test_training_with_constraints_fits_the_card_and_touches_no_host():
    plan = cuda.compile_call(cuda.training_call(PRESETS["joint-aware"], cuda.card_mesh(cuda.CARDS["2080ti"])))
    assert plan.peak < cuda.USABLE * cuda.CARDS["2080ti"].memory
    assert plan.donated == size(paper_state(PRESETS["joint-aware"]))
    assert not plan.host
    assert plan.calls <= {"__cublas$lt$matmul"}
    assert "f64" not in plan.dtypes
    assert not plan.exchanges


@needs_compiler
def test_a_call_of_the_host_does_not_compile():
    """The test above can fail: a callback in the loss is refused."""

    mesh = cuda.card_mesh(cuda.CARDS["h100"])
    recipe = setup.build_recipe(TINY, cuda.HUMAN36M, 30)._replace(mesh=mesh)

    def spying(predictions, targets):
        jax.debug.callback(lambda value: None, targets[0, 0, 0, 0])
        return recipe.loss(predictions, targets)

    spied = recipe._replace(loss=spying)
    data = jax.eval_shape(lambda: cuda.motion(jax.random.key(0), 30, 3))
    indices = (jax.ShapeDtypeStruct(shape, jnp.int32) for shape in ((30,), (60,), ()))
    state = setup.init.eval_shape(recipe, jax.random.key(0))
    arguments = cuda.on_every_device((state, data, *indices), mesh)
    with pytest.raises(RuntimeError, match="Unknown backend"):
        cuda.compile_call(loop.train_steps.trace(*arguments, spied))


@needs_compiler
@each_program
def test_training_does_the_work_that_the_arithmetic_says(training, card, precision):
    plan, _ = training(card, precision)
    model = setup.build_model(PAPER, cuda.HUMAN36M)
    least = 2 * PAPER.batch_size * multiply_adds(model, 34, PAPER.frames, training=True)
    assert sum(product.flops for product in plan.products) == least
    assert least <= plan.flops <= 1.05 * least


@needs_compiler
@each_card
def test_evaluation_does_the_work_that_the_arithmetic_says(evaluation, card):
    model = setup.build_model(PAPER, cuda.HUMAN36M)
    least = 2 * multiply_adds(model, 34, max(predict_tracks.WINDOWS))  # the compiler counts the body of a loop once
    assert least <= evaluation(card).flops <= 1.05 * least


@needs_compiler
@each_program
def test_products_have_the_precision_that_the_config_says(training, card, precision):
    plan, tensor_cores = training(card, precision)
    assert tensor_cores == TENSOR_CORES[card, precision]
    assert len(plan.products) == 29  # ten layers, forwards and for both gradients, but none for the keypoints'
    kinds = {(product.dtype, product.precision) for product in plan.products}
    if precision == "float32":
        assert kinds == {("f32", "highest")}
    elif precision == "tf32":
        assert kinds == {("f32", "default")}
    elif card == "2080ti":  # the compiler widens bfloat16 where the card cannot multiply it
        assert kinds == {("f32", "default"), ("f32", "highest")}
    else:  # the first and last layer, keypoints and poses, keep float32; the keypoints need no gradient
        assert kinds == {("bf16", "default"), ("f32", "highest")}
        assert sum(product.dtype == "f32" for product in plan.products) == 5


@needs_compiler
@pytest.mark.parametrize(
    ("precision", "kinds"),
    [
        ("float32", {("f32", "highest")}),
        ("tf32", {("f32", "default")}),
        ("bfloat16", {("bf16", "default"), ("f32", "highest")}),
    ],
)
def test_evaluation_keeps_the_precision_too(evaluation, precision, kinds):
    assert {(product.dtype, product.precision) for product in evaluation("h100", precision).products} == kinds


@pytest.mark.parametrize("everywhere", ["tensorfloat32", "bfloat16"])
def test_no_setting_of_jax_brings_tensor_cores_in(everywhere):
    """`float32` means it; shown on the program before optimisation, so also without the compiler."""
    with jax.default_matmul_precision(everywhere):
        call = cuda.training_call(TINY, devices.data_mesh())
        program = call.lower(lowering_platforms=("cuda",)).as_text()
    lines = [line for line in program.splitlines() if "stablehlo.dot_general" in line]
    assert len(lines) == 3 * 4 - 1  # four layers
    assert all("precision = [HIGHEST, HIGHEST]" in line for line in lines)


@needs_compiler
def test_eight_gpus_share_the_batch(training, eight):
    """An eighth of the work for each, and less memory; the optimiser's small share is everyone's."""
    one, _ = training("h100", "float32")
    products = [sum(product.flops for product in plan.products) for plan in (one, eight)]
    assert products[0] == 8 * products[1]
    assert eight.flops < 1.02 * one.flops / 8
    assert eight.peak < one.peak
    assert eight.donated == one.donated


@needs_compiler
def test_eight_gpus_exchange_every_gradient_once_and_nothing_larger(eight):
    """One all-reduce set: the gradients, and per BatchNorm layer a few sums of 2048."""
    parameters = sum(leaf.size for leaf in jax.tree.leaves(paper_state().params))
    assert {(exchange.kind, exchange.dtype) for exchange in eight.exchanges} == {("all-reduce", "f32")}
    exchanged = sum(exchange.elements for exchange in eight.exchanges)
    assert parameters <= exchanged <= parameters + 9 * 4 * PAPER.channels + 100


def test_random_motion_is_cut_into_tracks():
    data = cuda.motion(jax.random.key(0), 10, 3)
    assert data.track.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert data.first.tolist() == [0, 3, 6]
    assert data.last.tolist() == [2, 5, 9]


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
"""  # noqa: E501


def test_products_are_read_from_a_program():
    own, library = cuda.products(HLO)
    assert own == cuda.Product("bf16", "default", 2 * 2 * 5 * 32 * 8, 2 * (80 + 512) + 4 * 320, False)
    assert library == cuda.Product("f32·bf16", "highest", 2 * 64 * 8 * 32, 4 * 64 * 32 + 2 * 32 * 8 + 4 * 64 * 8, True)


def test_exchanges_are_read_from_a_program():
    assert cuda.exchanges(HLO) == (
        cuda.Exchange("all-reduce", "f32", 6),
        cuda.Exchange("all-reduce", "f32", 5),
        cuda.Exchange("all-gather", "s32", 16),
    )


def test_tensor_core_instructions_are_read_from_assembly(tmp_path):
    (tmp_path / "plain.ptx").write_text("fma.rn.f32 %f1, %f2, %f3, %f4;")
    assert cuda.tensor_core_types(tmp_path) == set()
    (tmp_path / "ampere.ptx").write_text("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {…};")
    (tmp_path / "hopper.ptx").write_text("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {…};")
    assert cuda.tensor_core_types(tmp_path) == {"tf32", "bf16"}


def test_an_epoch_of_human36m_at_the_published_batch():
    assert gpu_plan.steps_per_epoch(PAPER) == 3047  # 3,119,504 samples in batches of 1024


def test_the_benchmark_measures_where_it_runs():
    row = gpu_plan.measured(TINY, 2, frames=60, repeats=2)
    assert row.how == "measured"
    assert row.step > 0
    assert row.epoch == row.step * gpu_plan.steps_per_epoch(TINY)
    assert row.flops == 2 * 16 * multiply_adds(setup.build_model(TINY, DESCRIPTION), 34, 1, training=True)


@needs_compiler
def test_the_command_prints_and_writes_what_it_computed(tmp_path, capsys):
    gpu_plan.main(["quick", "--cards", "2080ti", "--precisions", "float32", "--out", str(tmp_path / "plan.json")])
    printed = capsys.readouterr().out
    assert "COMPUTED, NOT RUN" in printed
    assert "~60 min" in printed  # in the paper
    (row,) = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert row["how"] == "computed, not run"
    assert row["step"] == max(row["flops"] / 13.45e12, row["bytes"] / 616e9)


def test_without_the_compiler_the_command_says_what_to_install(monkeypatch, refusal):
    monkeypatch.setattr(cuda, "available", lambda: False)
    assert "cuda-aot" in refusal(gpu_plan.main, ["quick"])
