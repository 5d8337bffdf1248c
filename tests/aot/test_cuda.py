"""The real calls compiled for NVIDIA cards: what the machine code will do on a GPU, shown without one.

The compiler is in the extra `cuda-aot`; without it the tests that need it are skipped, and say so. Nothing here runs
on a GPU: results, speed and the libraries' own behaviour are not tested.
"""

import dataclasses
import functools
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from helpers.places import ROOT

from jaxpose.evaluation import predict_tracks
from jaxpose.models.configs import TemporalConfig
from jaxpose.models.temporal import multiply_adds
from jaxpose.runs import gpu_plan
from jaxpose.runtime import cuda_compiler
from jaxpose.training import loop, objectives, setup
from jaxpose.training.config import PRESETS, Config
from jaxpose.training.step import Samples, order_key

pytestmark = pytest.mark.aot
PAPER = PRESETS["baseline-2048"]  # 2048 channels, 243 frames, batch 1024
TINY = Config(model=TemporalConfig(filter_widths=(3, 3), channels=32), batch_size=16)
CARDS = tuple(cuda_compiler.CARDS)
# What tensor cores multiply, by card and precision; Turing's know neither TF32 nor bfloat16.
TENSOR_CORES = {
    ("h100", "float32"): set(), ("h100", "tf32"): {"tf32"}, ("h100", "bfloat16"): {"bf16"},
    ("a100", "float32"): set(), ("a100", "tf32"): {"tf32"}, ("a100", "bfloat16"): {"bf16"},
    ("2080ti", "float32"): set(), ("2080ti", "tf32"): set(), ("2080ti", "bfloat16"): set(),
}  # fmt: skip
COMPILED_FIRST = {*((card, "float32") for card in CARDS), ("h100", "tf32"), ("h100", "bfloat16")}

needs_compiler = pytest.mark.skipif(
    not cuda_compiler.available(), reason="needs the GPU compiler: pip install '.[cuda-aot]'"
)
each_card = pytest.mark.parametrize("card", CARDS)
each_program = pytest.mark.parametrize(
    ("card", "precision"),
    [pytest.param(*key, marks=[] if key in COMPILED_FIRST else pytest.mark.slow) for key in TENSOR_CORES],
)


def at_precision(precision):
    """The paper's settings with matrix products of a precision."""
    return dataclasses.replace(PAPER, model=dataclasses.replace(PAPER.model, precision=precision))


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Plan of the training call and what tensor cores multiply in it, by card and precision; each compiled once."""

    @functools.cache
    def compiled(card, precision):
        dump = tmp_path_factory.mktemp("ptx")
        config = at_precision(precision)
        plan = cuda_compiler.compile_call(
            gpu_plan.training_call(config, cuda_compiler.card_mesh(cuda_compiler.CARDS[card])), dump
        )
        return plan, cuda_compiler.tensor_core_types(dump)

    return compiled


@pytest.fixture(scope="module")
def evaluation():
    """Plan of the evaluation call by card and precision."""

    @functools.cache
    def compiled(card, precision="float32"):
        config = at_precision(precision)
        return cuda_compiler.compile_call(
            gpu_plan.evaluation_call(config, cuda_compiler.card_mesh(cuda_compiler.CARDS[card]))
        )

    return compiled


@pytest.fixture(scope="module")
def eight():
    """Plan of the training call that eight H100 share."""
    return cuda_compiler.compile_call(
        gpu_plan.training_call(PAPER, cuda_compiler.card_mesh(cuda_compiler.CARDS["h100"], 8))
    )


def paper_state(config=PAPER):
    recipe = setup.build_recipe(config, gpu_plan.HUMAN36M, gpu_plan.TRAIN_FRAMES)
    return setup.init_program(recipe).eval_shape(jax.random.key(0))


def size(tree):
    """Bytes of a tree; a random key is two words."""
    leaves = jax.tree.leaves(tree)
    return sum(8 if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x.size * x.dtype.itemsize for x in leaves)


@needs_compiler
@each_program
def test_training_fits_the_card_beside_all_of_human36m(training, card, precision):
    plan, _ = training(card, precision)
    frames = gpu_plan.TRAIN_FRAMES * (4 * 17 * (2 + 3) + 4)  # keypoints, poses, track
    starts = 4 * gpu_plan.TRAIN_FRAMES
    assert plan.arguments == pytest.approx(size(paper_state()) + frames + starts, rel=1e-3)
    assert plan.peak < cuda_compiler.USABLE * cuda_compiler.CARDS[card].memory


@needs_compiler
@each_card
def test_evaluation_fits_the_card_beside_training(training, evaluation, card):
    both = training(card, "float32")[0].arguments + evaluation(card).peak
    assert both < cuda_compiler.USABLE * cuda_compiler.CARDS[card].memory


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
    plan = cuda_compiler.compile_call(
        gpu_plan.training_call(PRESETS["joint-aware"], cuda_compiler.card_mesh(cuda_compiler.CARDS["2080ti"]))
    )
    assert plan.peak < cuda_compiler.USABLE * cuda_compiler.CARDS["2080ti"].memory
    assert plan.donated == size(paper_state(PRESETS["joint-aware"]))
    assert not plan.host
    assert plan.calls <= {"__cublas$lt$matmul"}
    assert "f64" not in plan.dtypes
    assert not plan.exchanges


@needs_compiler
def test_a_call_of_the_host_does_not_compile():
    """The test above can fail: a callback in the loss is refused."""

    mesh = cuda_compiler.card_mesh(cuda_compiler.CARDS["h100"])
    recipe = setup.build_recipe(TINY, gpu_plan.HUMAN36M, 30)._replace(mesh=mesh)

    def spying(prediction, targets):
        jax.debug.callback(lambda value: None, targets[0, 0, 0, 0])
        return objectives.mpjpe_loss(prediction, targets)

    spied = recipe._replace(objectives=(objectives.position(spying),))
    data = jax.eval_shape(lambda: gpu_plan.motion(jax.random.key(0), 30, 3))
    state = setup.init_program(recipe).eval_shape(jax.random.key(0))
    samples = Samples(data, jax.ShapeDtypeStruct((30,), jnp.int32), jax.eval_shape(order_key, state))
    arguments = cuda_compiler.on_every_device((state, samples), mesh)
    with pytest.raises(RuntimeError, match="Unknown backend"):
        cuda_compiler.compile_call(loop.step_program(spied).trace(*arguments))


@needs_compiler
@each_program
def test_training_does_the_work_that_the_arithmetic_says(training, card, precision):
    plan, _ = training(card, precision)
    model = setup.build_model(PAPER, gpu_plan.HUMAN36M)
    least = 2 * PAPER.batch_size * multiply_adds(model, 34, PAPER.frames, training=True)
    assert sum(product.flops for product in plan.products) == least
    assert least <= plan.flops <= 1.05 * least


@needs_compiler
@each_card
def test_evaluation_does_the_work_that_the_arithmetic_says(evaluation, card):
    model = setup.build_model(PAPER, gpu_plan.HUMAN36M)
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
    assert parameters <= exchanged <= parameters + 9 * 4 * PAPER.model.channels + 100


@needs_compiler
def test_the_command_prints_and_writes_what_it_computed(tmp_path):
    command = [sys.executable, "-m", "experiments.benchmarks.gpu_plan", "quick", "--cards", "2080ti"]
    options = ["--precisions", "float32", "--out", str(tmp_path / "plan.json")]
    printed = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "COMPUTED, NOT RUN" in printed
    assert "~60 min" in printed  # in the paper
    (row,) = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert row["how"] == "computed, not run"
    assert row["step"] == max(row["flops"] / 13.45e12, row["bytes"] / 616e9)
