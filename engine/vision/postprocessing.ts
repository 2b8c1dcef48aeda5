import type { Contract, DenseHead, EndToEndHead, TensorSlice } from '../../models/contract.ts';
import { type AnchorTable, candidateCount, type DecodeSpec, decodeKernel } from '../../shaders/decode.ts';
import { endToEndKernel } from '../../shaders/end-to-end.ts';
import { resultBytes } from '../../shaders/frame-settings.ts';
import { suppressionKernel, suppressionListWords } from '../../shaders/nms.ts';
import { InvalidArgumentError } from '../errors.ts';
import { type BufferSlice, type Dispatch, type PipelineCache, prepareDispatches } from '../runtime/dispatch.ts';
import type { BoundTensor } from '../runtime/session.ts';
import { createStorage } from '../runtime/storage.ts';
import { BufferUsage } from '../runtime/webgpu-flags.ts';

/** From the network's outputs to a compact list of detections for each image, all on the GPU. */
export interface Postprocessing {
  readonly dispatches: readonly Dispatch[];
  /** Detections as shaders/frame-settings.ts describes them, `resultBytes(capacity)` for each image. */
  readonly result: BufferSlice;
  dispose(): void;
}

export interface PostprocessingOptions {
  /** How many are in a batch. */
  readonly images: number;
  /** Every class of an anchor above the threshold is a candidate, as COCO evaluation counts, not its best class only. */
  readonly multiLabel: boolean;
  /** The most detections that an image can have. */
  readonly capacity: number;
  /** The best so many candidates take part in suppression; the default is the customary 30000. */
  readonly candidateLimit?: number;
}

const CANDIDATE_LIMIT = 30_000;

/**
 * Buffers, pipelines and bind groups for a head. `settings` is the buffer of every image's settings. The dispatches are as
 * many for a batch as for one image.
 * @throws InvalidArgumentError where the contract doesn't fit the outputs, OutOfMemoryError where the device can't bind what
 *   candidates need
 */
export async function createPostprocessing(
  cache: PipelineCache,
  contract: Contract,
  outputs: ReadonlyMap<string, BoundTensor>,
  settings: BufferSlice,
  options: PostprocessingOptions,
): Promise<Postprocessing> {
  const scratch: GPUBuffer[] = [];
  const allocate = (label: string, size: number, usage?: GPUBufferUsageFlags): BufferSlice => {
    const slice = createStorage(cache.device, label, size, usage);
    scratch.push(slice.buffer);
    return slice;
  };
  const resultSize = options.images * resultBytes(options.capacity);
  const result = allocate('detections', resultSize, BufferUsage.storage | BufferUsage.copySource);
  const { head } = contract;
  const requests =
    head.kind === 'dense'
      ? denseRequests(contract, head, outputs, settings, result, options, allocate)
      : rowRequests(head, outputs, settings, result, options);
  const { dispatches, parameterBuffer } = await prepareDispatches(cache, requests);
  return {
    dispatches,
    result,
    dispose: () => {
      for (const buffer of scratch) buffer.destroy();
      parameterBuffer?.destroy();
    },
  };
}

function denseRequests(
  { input }: Contract,
  head: DenseHead,
  outputs: ReadonlyMap<string, BoundTensor>,
  settings: BufferSlice,
  result: BufferSlice,
  options: PostprocessingOptions,
  allocate: (label: string, size: number) => BufferSlice,
) {
  const { anchorCount, classCount, boxForm, decoding } = head;
  const { images } = options;
  const multiLabel = options.multiLabel && classCount > 1;
  const boxes = locate(outputs, images, head.boxes, anchorCount, 4);
  const scores = locate(outputs, images, head.scores, anchorCount, classCount);
  const objectness = head.objectness && locate(outputs, images, head.objectness, anchorCount, 1);
  const spec: DecodeSpec = {
    images,
    anchorCount,
    classCount,
    boxes: boxes.table,
    boxForm,
    ...(decoding.form === 'yolox'
      ? { grid: { inputWidth: input.width, inputHeight: input.height, strides: decoding.strides } }
      : {}),
    scores: scores.table,
    ...(objectness ? { objectness: objectness.table } : {}),
    multiLabel,
  };
  const candidates = candidateCount(spec);
  const candidateBoxes = allocate('candidate boxes', images * anchorCount * 16);
  const candidateScores = allocate('candidate scores', images * candidates * 4);
  const candidateClasses = multiLabel ? [] : [allocate('candidate classes', images * candidates * 4)];
  const lists = allocate('candidate lists', images * suppressionListWords(candidates) * 4);
  const decoded = [candidateBoxes, candidateScores, ...candidateClasses];
  return [
    {
      kernel: decodeKernel(spec),
      buffers: [settings, boxes.slice, scores.slice, ...(objectness ? [objectness.slice] : []), ...decoded],
    },
    {
      kernel: suppressionKernel({
        images,
        candidates,
        classesPerAnchor: multiLabel ? classCount : 1,
        capacity: options.capacity,
        limit: options.candidateLimit ?? CANDIDATE_LIMIT,
      }),
      buffers: [settings, ...decoded, lists, result],
    },
  ];
}

function rowRequests(
  head: EndToEndHead,
  outputs: ReadonlyMap<string, BoundTensor>,
  settings: BufferSlice,
  result: BufferSlice,
  { images, capacity }: PostprocessingOptions,
) {
  const rows = locate(outputs, images, head.detections, head.rows, 6);
  return [
    {
      kernel: endToEndKernel({ images, rows: rows.table, rowCount: head.rows, classCount: head.classCount, capacity }),
      buffers: [settings, rows.slice, result],
    },
  ];
}

/** Where a slice of an output lies in device memory. */
function locate(
  outputs: ReadonlyMap<string, BoundTensor>,
  images: number,
  slice: TensorSlice,
  anchors: number,
  attributes: number,
): { slice: BufferSlice; table: AnchorTable } {
  const bound = outputs.get(slice.output);
  if (!bound) {
    throw new InvalidArgumentError(
      `The contract names the output ${slice.output}, but the network has ${[...outputs.keys()].join(', ')}`,
    );
  }
  const { shape, strides, offset, element } = bound.view;
  const fits =
    (element === 'f32' || element === 'f16') &&
    shape[0] === images &&
    anchors <= (shape[slice.anchorAxis] ?? 0) &&
    slice.start + attributes <= (shape[slice.attributeAxis] ?? 0);
  if (!fits) {
    throw new InvalidArgumentError(
      `The contract reads ${images} images on axis 0, ${anchors} anchors on axis ${slice.anchorAxis} and ${attributes} attributes from ` +
        `${slice.start} on axis ${slice.attributeAxis} of the output ${slice.output}, which is [${shape.join(', ')}]`,
    );
  }
  const attributeStride = strides[slice.attributeAxis];
  return {
    slice: bound.slice,
    table: {
      element,
      offset: offset + slice.start * attributeStride,
      imageStride: strides[0],
      anchorStride: strides[slice.anchorAxis],
      attributeStride,
    },
  };
}
