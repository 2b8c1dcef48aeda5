"""Trains the embedded network on generated scenes.

    python train.py --out run --minutes 70
    python train.py --out run --minutes 70 --resume        # goes on from run/checkpoint.pt

With --minutes the schedule follows the clock, so a run ends in time on a busy machine; with --steps it
follows the step count, and a seed gives the same sequence of batches, but for the moments at which fresh
scenes arrive in the pool (--refresh 0 takes those out) and for the number of threads (--threads 1).
"""

import argparse
import copy
import ctypes
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from data import Pool, augment, collate
from evaluate import average_precision
from loss import detection_loss
from network import Detector, anchor_points
from scenes import LABELS

VALIDATION_SERIES = 900


def keep_freed_memory():
    """Lets glibc keep freed memory. Returning every activation to the system costs a third of the time of a step."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-4, 0)              # M_MMAP_MAX: no block of its own mapping
        libc.mallopt(-1, 2**31 - 1)      # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        pass


def choose_threads(most):
    """One thread while other work keeps the machine busy, else `most`.

    A step is a chain of short parallel loops, and each waits for its last thread: on busy cores several threads
    finish later than one.
    """
    torch.set_num_threads(1 if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else most)


def parameter_groups(network, decay):
    """Weight decay for kernels alone: not for biases, batch norms and the shortcut weights."""
    kernels = [p for p in network.parameters() if p.ndim == 4]
    others = [p for p in network.parameters() if p.ndim != 4]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


class Average:
    """Exponential moving average of the state dict; the decay rises to its final value over the first steps."""

    def __init__(self, network, decay=0.9985):
        self.network = copy.deepcopy(network).eval()
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, network):
        self.updates += 1
        rate = self.decay * (1 - math.exp(-self.updates / 300))
        for mean, value in zip(self.network.state_dict().values(), network.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - rate)


def learning_rate(progress, step, peak, warm_up=200):
    """Linear warm-up over the first steps, then half a cosine from `peak` to 1 % of it; progress 0..1."""
    cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return peak * cosine * min(1.0, (step + 1) / warm_up)


def batch(pool, seed, step, size, side, strength):
    rng = np.random.default_rng([seed, step])
    chosen = rng.integers(0, len(pool.entries), size)
    return collate([augment(rng, pool.entries[i], side, strength) for i in chosen])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for checkpoint.pt and log.jsonl")
    parser.add_argument("--minutes", type=float, help="length of the run by the clock")
    parser.add_argument("--steps", type=int, help="length of the run in steps, instead of --minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=4000, help="scenes generated before the first step")
    parser.add_argument("--pool", type=int, default=14000, help="scenes kept in memory at most")
    parser.add_argument("--refresh", type=int, default=4, help="fresh scenes per step at most")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--decay", type=float, default=0.03)
    parser.add_argument("--small-share", type=float, default=0.7, help="share of the run, its start, at 256 pixels; the rest is at 320")
    parser.add_argument("--plain-share", type=float, default=0.2, help="share of the run, its end, without zoom and shift")
    parser.add_argument("--validate-minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    if (args.minutes is None) == (args.steps is None):
        parser.error("give one of --minutes and --steps")

    keep_freed_memory()
    began = time.monotonic()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    choose_threads(args.threads)
    network = Detector(len(LABELS))
    average = Average(network)
    optimizer = torch.optim.AdamW(parameter_groups(network, args.decay), lr=args.rate, betas=(0.9, 0.98))
    step, spent, first_scene = 0, 0.0, 0
    if args.resume:
        saved = torch.load(out / "checkpoint.pt", weights_only=True)
        network.load_state_dict(saved["network"])
        average.network.load_state_dict(saved["average"])
        average.updates = saved["step"]
        optimizer.load_state_dict(saved["optimizer"])
        step, spent, first_scene = saved["step"], saved["minutes"], saved["generated"]

    # The scenes are generated before torch starts its threads: a forked process must not inherit those.
    pool = Pool(args.start, args.pool, first_scene)
    print(f"{len(pool.entries)} scenes after {time.monotonic() - began:.0f} s", flush=True)

    def minutes():
        return spent + (time.monotonic() - began) / 60

    def progress():
        return step / args.steps if args.steps else minutes() / args.minutes

    def save():
        state = {"network": network.state_dict(), "average": average.network.state_dict(), "optimizer": optimizer.state_dict(),
                 "step": step, "minutes": minutes(), "generated": pool.generated}
        torch.save(state, out / "checkpoint.tmp")
        os.replace(out / "checkpoint.tmp", out / "checkpoint.pt")

    def log(**record):
        print(json.dumps(record), flush=True)
        with open(out / "log.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")

    def plan(share):
        """Picture side and augmentation strength at a progress of the run."""
        return 256 if share < args.small_share else 320, 0.0 if share > 1 - args.plain_share else 1.0

    anchors = {side: anchor_points(side, side) for side in (256, 320)}
    builder = ThreadPoolExecutor(1)
    pending = builder.submit(batch, pool, args.seed, step, args.batch, *plan(progress()))
    sums, counted, mark = np.zeros(5), 0, time.monotonic()
    validated, saved_at = minutes(), minutes()
    while progress() < 1:
        pictures, boxes, classes, present = pending.result()
        pool.refresh(args.refresh)
        pending = builder.submit(batch, pool, args.seed, step + 1, args.batch, *plan(progress()))
        side = pictures.shape[-1]
        network.train()
        rate = learning_rate(progress(), step, args.rate)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, box_logits = network(pictures.float().div_(255))
        loss, parts = detection_loss(logits, box_logits, *anchors[side], boxes, classes, present)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        if torch.isfinite(norm):
            optimizer.step()
        average.update(network)
        step += 1
        sums += [float(loss.detach()), *parts]
        counted += 1
        if step % 10 == 0:
            choose_threads(args.threads)
        if step % 50 == 0:
            speed = counted * args.batch / (time.monotonic() - mark)
            values = dict(zip(("loss", "class", "box", "dfl", "right"), (sums / counted).round(4).tolist()))
            log(step=step, minutes=round(minutes(), 2), side=side, rate=round(rate, 6), per_second=round(speed, 1), **values)
            sums, counted, mark = np.zeros(5), 0, time.monotonic()
        if minutes() - saved_at > 1.5:
            save()
            saved_at = minutes()
        if minutes() - validated > args.validate_minutes:
            log(step=step, minutes=round(minutes(), 2), **average_precision(average.network, VALIDATION_SERIES, 150))
            validated, mark = minutes(), time.monotonic()
    save()
    log(step=step, minutes=round(minutes(), 2), final=True, **average_precision(average.network, VALIDATION_SERIES, 300))
    builder.shutdown(wait=False, cancel_futures=True)
    pool.close()


if __name__ == "__main__":
    main()
