"""Compile a JAX program for an NVIDIA card that need not exist, and read memory, work and traffic from the result.

The compiler takes a description of the card in place of the card, and gives machine code, a memory plan and the
optimised program, from which everything here is read. Nothing is executed. That needs the extra `cuda-aot`, which is
the CUDA plugin of JAX and NVIDIA's assembler without any library, driver or GPU, and `jax_platforms` = "cpu".

The body of a loop is counted once: the cost of a training call is that of one step. Three things only a GPU can tell:
which tiles and libraries autotuning would choose for the products, their workspace, and the time.
"""

import importlib.util
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")

USABLE = 0.75  # of a card's memory: what JAX takes by default (XLA_PYTHON_CLIENT_MEM_FRACTION)


class Card(NamedTuple):
    """What the compiler must know of a card, and what the roofline needs."""

    name: str  # as CUDA gives it
    capability: tuple[int, int]
    features: str  # `ACCELERATED_FEATURES` if its instructions include those of the .a architectures
    processors: int  # streaming multiprocessors
    lanes: int  # float32 units of one
    clock: float  # GHz, boost
    cache: int  # bytes of L2
    shared: tuple[int, int]  # bytes of shared memory per processor, and at most per block
    threads: int  # resident per processor
    memory: int  # bytes
    bandwidth: float  # bytes per second
    peaks: Mapping[str, float]  # by precision, FLOP/s of matrix products, dense, at boost clock


# The target descriptions of H100 and A100 are XLA's own (xla/backends/gpu/target_config/specs); the 2080 Ti, which has
# none there, is described from NVIDIA's "Turing GPU architecture" whitepaper (TU102) and the CUDA programming guide's
# table of compute capabilities. Peaks and bandwidths: NVIDIA's data sheets of the H100 SXM5 80 GB and A100 SXM4 40 GB,
# without sparsity, and the Turing whitepaper (reference clock). Turing's tensor cores know neither TF32 nor bfloat16:
# products of float32 use the ordinary units there, and XLA widens bfloat16 to float32.
CARDS: Mapping[str, Card] = {
    "h100": Card(
        "NVIDIA H100 80GB HBM3", (9, 0), "ACCELERATED_FEATURES", 132, 128, 1.98, 52_428_800, (233_472, 232_448), 2048,
        84_942_979_072, 3.35e12, {"float32": 66.9e12, "tf32": 494.7e12, "bfloat16": 989.4e12},
    ),
    "a100": Card(
        "NVIDIA A100-SXM4-40GB", (8, 0), "NONE", 108, 64, 1.41, 41_943_040, (167_936, 166_912), 2048,
        42_331_013_120, 1.555e12, {"float32": 19.5e12, "tf32": 156e12, "bfloat16": 312e12},
    ),
    "2080ti": Card(
        "NVIDIA GeForce RTX 2080 Ti", (7, 5), "NONE", 68, 64, 1.545, 5_767_168, (65_536, 65_536), 1024,
        11_554_717_696, 616e9, {"float32": 13.45e12, "tf32": 13.45e12, "bfloat16": 13.45e12},
    ),
}  # fmt: skip


class Product(NamedTuple):
    """One matrix product of a compiled program."""

    dtype: str  # of the factors, as HLO writes it: f32, bf16
    precision: str  # highest, or default: tensor cores may round the factors
    flops: int
    bytes: int  # of both factors and the product
    library: bool  # a call of cuBLAS, of which the compiler's own count knows nothing


class Exchange(NamedTuple):
    """One exchange between GPUs."""

    kind: str  # as HLO writes it: all-reduce, all-gather, …
    dtype: str
    elements: int


class Plan(NamedTuple):
    """What a compiled program will do on one GPU, read from the program; no run."""

    arguments: int  # bytes, resident before the call
    peak: int  # bytes: arguments, results and temporaries at once
    donated: int  # bytes of arguments that results overwrite
    flops: float  # of one step
    bytes: float  # that one step moves between the GPU's memory and its processors
    dtypes: frozenset[str]  # of all arrays
    products: tuple[Product, ...]
    exchanges: tuple[Exchange, ...]
    calls: frozenset[str]  # of libraries or of the host
    host: tuple[str, ...]  # instructions that move data to or from the host


def available() -> bool:
    """True if the CUDA plugin is installed; NVIDIA's assembler comes with the same extra."""
    return importlib.util.find_spec("jax_cuda13_plugin") is not None


def target(card: Card) -> str:
    """The card in the compiler's format, a `GpuTargetConfigProto` as text."""
    major, minor = card.capability
    per_processor, per_block = card.shared
    return f"""
      platform_name: "CUDA"
      device_description_str: "{card.name}"
      dnn_version_info {{ major: 9 minor: 12 }}
      gpu_device_info {{
        name: "{card.name}" device_vendor: "NVIDIA Corporation"
        cuda_compute_capability {{ major: {major} minor: {minor} feature_extension: {card.features} }}
        core_count: {card.processors} fpus_per_core: {card.lanes} clock_rate_ghz: {card.clock}
        memory_bandwidth: {card.bandwidth:.0f} l2_cache_size: {card.cache} device_memory_size: {card.memory}
        shared_memory_per_block: 49152
        shared_memory_per_core: {per_processor} shared_memory_per_block_optin: {per_block}
        threads_per_core_limit: {card.threads} threads_per_block_limit: 1024 threads_per_warp: 32
        block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
        thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
        registers_per_core_limit: 65536 registers_per_block_limit: 65536 device_address_bits: 64
        driver_version: "13.0.0" runtime_version: "13.0.0" compile_time_toolkit_version: "13.0.0"
        dnn_version: "9.12.0"
      }}"""


def card_mesh(card: Card, gpus: int = 1) -> Mesh:
    """Cards of one machine in a row, the axis "data", none of which has to exist."""
    shape = f"1x1x{gpus}"  # partitions × processes × GPUs of each
    described = topologies.get_topology_desc(platform="cuda", target_config=target(card), topology=shape)
    return Mesh(np.asarray(described.devices), ("data",))


def on_every_device(tree: Tree, mesh: Mesh) -> Tree:
    """The shapes of a tree, marked as held whole by every device of the mesh."""
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding), tree)


def compile_call(call: jax.stages.Traced, dump: Path | None = None) -> Plan:
    """Compile for the cards that the arguments of the call are marked with.

    Args:
      call: traced.
      dump: a folder for the assembly (PTX) of every kernel.

    Returns:
      The plan.
    """
    compiled = call.lower().compile({"xla_dump_to": str(dump)} if dump else None)
    text, memory = compiled.as_text(), compiled.memory_analysis()
    cost, multiplied = _cost(compiled), products(text)
    of_libraries = [product for product in multiplied if product.library]
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Plan(
        arguments=memory.argument_size_in_bytes,
        peak=memory.argument_size_in_bytes + results + memory.temp_size_in_bytes,
        donated=memory.alias_size_in_bytes,
        flops=cost["flops"] + sum(product.flops for product in of_libraries),
        bytes=cost["bytes accessed"] + sum(product.bytes for product in of_libraries),
        dtypes=frozenset(re.findall(r"\b([a-z]+\d+)\[", text)),
        products=multiplied,
        exchanges=exchanges(text),
        calls=frozenset(re.findall(r'custom_call_target="([^"]+)"', text)),
        host=tuple(re.findall(r" (?:infeed|outfeed|send|recv)\(|S\(5\)", text)),  # S(5): an array in host memory
    )


def _cost(compiled: jax.stages.Compiled) -> Mapping[str, float]:
    """The compiler's count of the optimised program."""
    # `compiled.cost_analysis()` is None without a device; the analysis behind it is not public.
    from jax._src.lib import _jax

    (module,) = compiled.runtime_executable().hlo_modules()
    return _jax.hlo_module_cost_analysis(jax.devices("cpu")[0].client, module)


_ARRAY = re.compile(r"%(\S+) = \(?(\w+)\[([\d,]*)\]")  # of a tuple, the first: a library call's second is workspace

_FACTORS = re.compile(r" (?:dot|custom-call)\(%([^,)]+), %([^,)]+)")

_CONTRACTED = re.compile(r'lhs_contracting_dim\w+"?[=:][{\[]([^}\]]*)')

_PRECISION = re.compile(r'operand_precision"?[=:][{\[]"?(\w+)')

_EXCHANGE = re.compile(
    r" = (.*?) (all-reduce|all-gather|reduce-scatter|(?:ragged-)?all-to-all|collective-permute|collective-broadcast)"
    r"(?:-start)?\("
)

_BYTES = {"f64": 8, "f32": 4, "bf16": 2, "f16": 2}


def products(text: str) -> tuple[Product, ...]:
    """The matrix products of a program in HLO text, XLA's own and those of cuBLAS."""
    arrays = {name: (dtype, _sizes(sizes)) for name, dtype, sizes in _ARRAY.findall(text)}
    found = []
    for line in text.splitlines():
        library = 'custom_call_target="__cublas' in line
        if not library and " dot(" not in line:
            continue
        left, right = (arrays[name] for name in _FACTORS.search(line).groups())
        dtype, sizes = arrays[_ARRAY.search(line)[1]]
        contracted = math.prod(left[1][int(axis.strip('"'))] for axis in _CONTRACTED.search(line)[1].split(","))
        precision = _PRECISION.search(line)
        moved = sum(_BYTES[dtype] * math.prod(sizes) for dtype, sizes in (left, right, (dtype, sizes)))
        found.append(
            Product(
                dtype=left[0] if left[0] == right[0] else f"{left[0]}·{right[0]}",
                precision=precision[1].lower() if precision else "default",
                flops=2 * math.prod(sizes) * contracted,
                bytes=moved,
                library=library,
            )
        )
    return tuple(found)


def exchanges(text: str) -> tuple[Exchange, ...]:
    """The exchanges between GPUs of a program in HLO text; one that joins several arrays counts once for each."""
    return tuple(
        Exchange(kind, dtype, math.prod(_sizes(sizes)))
        for result, kind in _EXCHANGE.findall(text)
        for dtype, sizes in re.findall(r"(\w+)\[([\d,]*)\]", result)
    )


def _sizes(text: str) -> tuple[int, ...]:
    """The axes of an array, from "2,3"."""
    return tuple(int(size) for size in text.split(",") if size)


def tensor_core_types(dump: Path) -> frozenset[str]:
    """The types that tensor cores multiply in the dumped assembly; empty if the ordinary units do all the work."""
    kernels = (path.read_text("utf-8") for path in dump.glob("*.ptx"))
    return frozenset(kind for kernel in kernels for kind in re.findall(r"\bw?g?mma\.\S*\.f32\.(\w+)\.\1", kernel))


def roofline(plan: Plan, card: Card, precision: str) -> float:
    """Seconds of one step at best: all products at the card's peak, all bytes at its bandwidth, both at once."""
    return max(plan.flops / card.peaks[precision], plan.bytes / card.bandwidth)
