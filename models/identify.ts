import { UnsupportedModelError } from '../engine/errors.ts';
import type { Graph } from '../engine/graph/types.ts';
import type { ModelFile } from '../loader/model-file.ts';
import { completeContract } from './complete-contract.ts';
import type { Contract, ContractOverrides, DetectionDefaults, HeadContract, InputContract } from './contract.ts';
import { type Conventions, headOfCut, knownLayouts, type RecognizedHead, recognizeHead } from './heads.ts';
import { defaultLabels } from './labels.ts';
import type { ExportMetadata } from './metadata.ts';
import type { SuppressionCut } from './onnx/cut-suppression.ts';
import { centeredInput, type InputPlace, yoloNasInput, yoloxInput } from './preprocessing.ts';

/** What `identifyContract` goes by, besides the graph. */
export interface ContractFacts {
  readonly metadata: ExportMetadata;
  readonly stride: number;
  readonly input: InputPlace;
  /** Whether the graph normalises by itself, as those that take bytes do. */
  readonly normalizes: boolean;
  /** Where the graph was cut before its suppression. */
  readonly cut?: SuppressionCut;
}

/**
 * The contract of an exported detector, from its metadata and its outputs, with the caller's overrides applied.
 * @throws UnsupportedModelError where the outputs are no layout that is known
 * @throws InvalidArgumentError where overrides contradict the network
 */
export function identifyContract(
  file: ModelFile,
  graph: Graph,
  facts: ContractFacts,
  overrides: ContractOverrides,
): Contract {
  const { head, conventions, family } = identifyHead(file, graph, facts, overrides);
  const input = inputByConventions[conventions](facts.input);
  return completeContract(
    {
      family: familyName(facts.metadata.description) ?? familyName(file.source) ?? family,
      input: facts.normalizes ? { ...input, scale: [1, 1, 1], offset: [0, 0, 0] } : input,
      head,
      labels: overrides.labels ?? labelsOf(file.source, head, facts.metadata.labels),
      stride: facts.stride,
      defaults: { ...defaultsByConventions[conventions], ...facts.cut?.defaults },
    },
    graph,
    overrides,
  );
}

const inputByConventions: Readonly<Record<Conventions, (place: InputPlace) => InputContract>> = {
  ultralytics: centeredInput,
  yolox: yoloxInput,
  'yolo-nas': yoloNasInput,
};

/** The thresholds that each project predicts with; YOLOX's demos differ among themselves, its evaluation has this IoU. */
const defaultsByConventions: Readonly<Record<Conventions, DetectionDefaults>> = {
  ultralytics: { scoreThreshold: 0.25, iouThreshold: 0.7, maxDetections: 300 },
  yolox: { scoreThreshold: 0.25, iouThreshold: 0.65, maxDetections: 300 },
  'yolo-nas': { scoreThreshold: 0.25, iouThreshold: 0.7, maxDetections: 300 },
};

function identifyHead(
  file: ModelFile,
  graph: Graph,
  { metadata, input, cut }: ContractFacts,
  overrides: ContractOverrides,
): RecognizedHead {
  const hints = { inputSize: [input.width, input.height], endToEnd: metadata.endToEnd } as const;
  const classCount = metadata.labels?.length ?? overrides.labels?.length;
  const recognized = cut
    ? recognizeCut(file, graph, cut)
    : (recognizeHead(graph, { ...hints, classCount }) ??
      // Labels of the caller that don't fit are a mistake of the caller's, which the complete contract shows.
      (metadata.labels ? undefined : recognizeHead(graph, hints)));
  if (recognized) return overrides.head ? { ...recognized, head: overrides.head } : recognized;
  if (overrides.head) return { head: overrides.head, conventions: 'ultralytics', family: 'unknown' };
  const outputs = graph.outputs.map(({ name, shape }) => `"${name}" ${shape.join('x')}`).join(', ');
  const classes = classCount === undefined ? '' : ` for ${classCount} classes`;
  throw new UnsupportedModelError(
    `${file.source}: its outputs (${outputs}) are no known layout of a detector${classes}; known are ${knownLayouts}`,
  );
}

/** Exports with suppression don't show their family; YOLO-NAS's are known by the names of their outputs. */
function recognizeCut(file: ModelFile, graph: Graph, cut: SuppressionCut): RecognizedHead | undefined {
  const head = headOfCut(graph, cut);
  if (!head) return undefined;
  const names = [cut.boxes, ...(file.graph?.outputs.map((output) => output.name) ?? [])];
  const isNas = names.some((name) => /pre_nms|pred_boxes|flat_predictions/.test(name));
  return isNas
    ? { head, conventions: 'yolo-nas', family: 'yolo-nas' }
    : { head, conventions: 'ultralytics', family: 'unknown' };
}

function labelsOf(source: string, head: HeadContract, names: readonly string[] | undefined): readonly string[] {
  if (!names) return defaultLabels(head.classCount);
  if (names.length === head.classCount) return names;
  throw new UnsupportedModelError(
    `${source} names ${names.length} classes, and its scores are of ${head.classCount}; export it without suppression`,
  );
}

/** A family named in a description or file name: 'yolov8', 'yolo11', 'yolox', 'yolo-nas'. */
function familyName(text: string): string | undefined {
  const match = /yolo[-_ ]?(nas|x|v?\d+)/i.exec(text);
  if (!match) return undefined;
  const version = match[1].toLowerCase();
  return version === 'nas' ? 'yolo-nas' : `yolo${version}`;
}
