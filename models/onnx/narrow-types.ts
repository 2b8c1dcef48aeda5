import type { FileGraph, FileNode, StoredTensor, StoredType } from '../../loader/model-file.ts';
import { elementType } from '../../loader/onnx/element-types.ts';

/**
 * Integer types that quantised graphs store activations and weights in. The IR has no such kinds: their tensors are floats
 * that hold whole numbers, and what the type adds (range, wrapping) is expressed in operations.
 */
export type NarrowType = 'int8' | 'uint8' | 'int16' | 'uint16';

export function isNarrow(type: StoredType | undefined): type is NarrowType {
  return type === 'int8' || type === 'uint8' || type === 'int16' || type === 'uint16';
}

export function bitsOf(type: NarrowType): 8 | 16 {
  return type === 'int8' || type === 'uint8' ? 8 : 16;
}

/** The least and the greatest integer of a type. */
export function rangeOf(type: NarrowType): readonly [number, number] {
  const values = 2 ** bitsOf(type);
  return type === 'int8' || type === 'int16' ? [-values / 2, values / 2 - 1] : [0, values - 1];
}

/** The input that has the type of a quantising operator's output: its zero point. */
const zeroPointOfOutput: Readonly<Record<string, number>> = {
  QuantizeLinear: 2,
  QLinearConv: 7,
  QLinearMatMul: 7,
  QLinearAdd: 7,
  QLinearMul: 7,
  QLinearSigmoid: 4,
  QLinearLeakyRelu: 4,
  QLinearSoftmax: 4,
  QLinearAveragePool: 4,
  QLinearGlobalAveragePool: 4,
  QLinearConcat: 1,
};

/** Operators whose outputs have the type of their first input. */
const sameTypeOperators: ReadonlySet<string> = new Set(
  (
    'Add Sub Mul Div Min Max Sum Relu Clip MaxPool Reshape Transpose Split Slice Concat Squeeze Unsqueeze Flatten ' +
    'Identity Dropout Gather GatherElements GatherND ScatterND ScatterElements Pad Expand Tile Resize Upsample ' +
    'DepthToSpace SpaceToDepth ReduceMax ReduceMin'
  ).split(' '),
);

/** The values of a graph that are of a narrow integer type. */
export function narrowTypesOf(
  graph: FileGraph,
  tensors: ReadonlyMap<string, StoredTensor>,
): ReadonlyMap<string, NarrowType> {
  const types = new Map<string, NarrowType>();
  const record = (name: string, type: StoredType | undefined) => {
    if (isNarrow(type)) types.set(name, type);
  };
  for (const input of graph.inputs) record(input.name, input.type);
  for (const tensor of tensors.values()) record(tensor.name, tensor.type);
  for (const node of graph.nodes) {
    const type = outputType(node, types);
    for (const output of node.outputs) record(output, type);
  }
  return types;
}

function outputType(node: FileNode, types: ReadonlyMap<string, NarrowType>): StoredType | undefined {
  const { operator, inputs, attributes } = node;
  const code = (name: string) => {
    const attribute = attributes.get(name);
    return attribute?.kind === 'int' ? elementType(attribute.value) : undefined;
  };
  if (operator === 'Cast') return code('to');
  if (operator === 'Constant' || operator === 'ConstantOfShape') {
    const value = attributes.get('value');
    return value?.kind === 'tensor' ? value.value.type : undefined;
  }
  if (operator === 'QuantizeLinear' && !inputs[2]) return code('output_dtype') ?? 'uint8';
  if (Object.hasOwn(zeroPointOfOutput, operator))
    return types.get(inputs[zeroPointOfOutput[operator]] ?? '') ?? 'uint8';
  return sameTypeOperators.has(operator) ? types.get(inputs[0]) : undefined;
}
