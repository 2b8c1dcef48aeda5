import type { StoredTensor } from '../../loader/model-file.ts';
import { randomFloats } from '../support/random.ts';
import { storeTensor } from '../support/tensor-bytes.ts';

/** Widths and counts of a network with the structure of YOLO-NAS. */
export interface Variant {
  readonly stem: number;
  readonly stages: readonly (Csp & { readonly intermediates: boolean })[];
  readonly up: readonly Csp[];
  readonly down: readonly Csp[];
  /** Widths inside the heads. */
  readonly inner: readonly number[];
  readonly classes: number;
}

interface Csp {
  readonly out: number;
  readonly hidden: number;
  readonly count: number;
}

const csp = (out: number, count: number, hidden: number): Csp => ({ out, count, hidden });

function published(
  hidden: readonly number[],
  intermediates: readonly boolean[],
  neck: readonly Csp[],
  inner: readonly number[],
): Variant {
  const counts = [2, 3, 5, 2];
  return {
    stem: 48,
    stages: [96, 192, 384, 768].map((out, i) => ({
      ...csp(out, counts[i], hidden[i]),
      intermediates: intermediates[i],
    })),
    up: neck.slice(0, 2),
    down: neck.slice(2),
    inner,
    classes: 80,
  };
}

/** As published (super-gradients, arch_params/yolo_nas_{s,m,l}_arch_params.yaml). */
export const variants = {
  S: published(
    [32, 64, 96, 192],
    [false, false, false, false],
    [csp(192, 2, 64), csp(96, 2, 48), csp(192, 2, 64), csp(384, 2, 64)],
    [64, 128, 256],
  ),
  M: published(
    [64, 128, 256, 384],
    [true, true, true, false],
    [csp(192, 2, 192), csp(96, 3, 64), csp(192, 2, 192), csp(384, 3, 256)],
    [96, 192, 384],
  ),
  L: published(
    [96, 128, 256, 512],
    [true, true, true, true],
    [csp(192, 4, 128), csp(96, 4, 128), csp(192, 4, 128), csp(384, 4, 256)],
    [128, 256, 512],
  ),
};

/**
 * A state dict under the names of super-gradients' checkpoints, of random weights where there is a seed and of zeros
 * otherwise. `placeholders` fills the kernels that checkpoints carry beside branches.
 */
export function yoloNasTensors(
  variant: Variant,
  { placeholders, seed }: { placeholders: number; seed?: number },
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  let next = seed ?? 0;
  const add = (name: string, dims: readonly number[], scale: number, offset = 0) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const data = seed === undefined ? new Float32Array(count) : randomFloats(next++, count, scale);
    for (let i = 0; offset !== 0 && i < count; i++) data[i] += offset;
    tensors.set(name, storeTensor({ name, type: 'float32', dims, data }));
  };
  const kernel = (name: string, out: number, inputs: number, size: number) =>
    add(name, [out, inputs, size, size], Math.sqrt(3 / (inputs * size * size)));
  const norm = (name: string, channels: number) => {
    add(`${name}.weight`, [channels], 0.3, 1);
    add(`${name}.bias`, [channels], 0.3);
    add(`${name}.running_mean`, [channels], 0.3);
    add(`${name}.running_var`, [channels], 0.3, 1);
  };
  const conv = (name: string, out: number, inputs: number, size: number) => {
    kernel(`${name}.conv.weight`, out, inputs, size);
    norm(`${name}.bn`, out);
  };
  const block = (name: string, out: number, inputs: number) => {
    conv(`${name}.branch_3x3`, out, inputs, 3);
    kernel(`${name}.branch_1x1.weight`, out, inputs, 1);
    add(`${name}.branch_1x1.bias`, [out], 0.3);
    norm(`${name}.post_bn`, out);
    for (const [key, dims] of [
      ['weight', [out, inputs, 3, 3]],
      ['bias', [out]],
    ] as const) {
      const count = dims.reduce((product: number, dim) => product * dim, 1);
      const data = new Float32Array(count).fill(placeholders);
      tensors.set(`${name}.rbr_reparam.${key}`, storeTensor({ name, type: 'float32', dims, data }));
    }
  };
  const layer = (name: string, { out, hidden, count }: Csp, inputs: number, plain: boolean, intermediates: boolean) => {
    conv(`${name}.conv1`, hidden, inputs, 1);
    conv(`${name}.conv2`, hidden, inputs, 1);
    conv(`${name}.conv3`, out, hidden * (intermediates ? 2 + count : 2), 1);
    for (let i = 0; i < count; i++) {
      const bottleneck = `${name}.bottlenecks.${i}`;
      add(`${bottleneck}.alpha`, [1], 0.2, 0.8);
      for (const key of ['cv1', 'cv2']) {
        if (plain) conv(`${bottleneck}.${key}`, hidden, hidden, 3);
        else block(`${bottleneck}.${key}`, hidden, hidden);
      }
    }
  };

  block('backbone.stem.conv', variant.stem, 3);
  variant.stages.forEach((stage, i) => {
    const inputs = i === 0 ? variant.stem : variant.stages[i - 1].out;
    block(`backbone.stage${i + 1}.downsample`, stage.out, inputs);
    layer(`backbone.stage${i + 1}.blocks`, stage, stage.out, false, stage.intermediates);
  });
  const [c2, c3, c4, c5] = variant.stages.map((stage) => stage.out);
  conv('backbone.context_module.cv1', c5 / 2, c5, 1);
  conv('backbone.context_module.cv2', c5, c5 * 2, 1);
  const ups = [
    [c5, c4, c3],
    [variant.up[0].out, c3, c2],
  ];
  ups.forEach(([inputs, skip1, skip2], i) => {
    const name = `neck.neck${i + 1}`;
    const { out } = variant.up[i];
    conv(`${name}.reduce_skip1`, out, skip1, 1);
    conv(`${name}.reduce_skip2`, out, skip2, 1);
    conv(`${name}.downsample`, out, out, 3);
    conv(`${name}.conv`, out, inputs, 1);
    add(`${name}.upsample.weight`, [out, out, 2, 2], Math.sqrt(3 / out));
    add(`${name}.upsample.bias`, [out], 0.3);
    conv(`${name}.reduce_after_concat`, out, 3 * out, 1);
    layer(`${name}.blocks`, variant.up[i], out, false, false);
  });
  const downs = [
    [variant.up[1].out, variant.up[1].out],
    [variant.down[0].out, variant.up[0].out],
  ];
  downs.forEach(([inputs, skip], i) => {
    const name = `neck.neck${i + 3}`;
    const half = variant.down[i].out / 2;
    conv(`${name}.conv`, half, inputs, 3);
    layer(`${name}.blocks`, variant.down[i], half + skip, true, false);
  });
  [variant.up[1].out, variant.down[0].out, variant.down[1].out].forEach((inputs, i) => {
    const name = `heads.head${i + 1}`;
    const inner = variant.inner[i];
    conv(`${name}.stem.seq`, inner, inputs, 1);
    for (const [tower, outputs] of [
      ['cls', variant.classes],
      ['reg', 68],
    ] as const) {
      conv(`${name}.${tower}_convs.0.seq`, inner, inner, 3);
      kernel(`${name}.${tower}_pred.weight`, outputs, inner, 1);
      add(`${name}.${tower}_pred.bias`, [outputs], 0.3);
    }
  });
  return tensors;
}
