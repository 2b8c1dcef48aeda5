import { createNode } from '../engine/graph/builder.ts';
import type { Node, Value } from '../engine/graph/types.ts';
import type { DenseHead, TensorSlice } from './contract.ts';
import type { Model } from './types.ts';

const PARTS = ['boxes', 'scores', 'objectness'] as const;

/**
 * A detector whose boxes, scores and objectness are outputs of their own, where they were parts of one. Exporters join them
 * for their users' sake; read apart, they need not be joined, which costs copies where a part doesn't begin at a multiple
 * of four channels.
 */
export function separateHead(model: Model): Model {
  const { graph, contract } = model;
  const { head } = contract;
  if (head.kind !== 'dense') return model;
  const shared = graph.outputs.filter(({ name }) => partsOf(head, name).length > 1);
  if (shared.length === 0) return model;
  const slices: Node[] = [];
  const separated: { -readonly [part in (typeof PARTS)[number]]?: TensorSlice } = {};
  for (const output of shared) {
    for (const part of partsOf(head, output.name)) {
      const slice = head[part] as TensorSlice;
      const name = `${output.name}:${part}`;
      slices.push(sliceNode(output, slice, name));
      separated[part] = { ...slice, output: name, start: 0 };
    }
  }
  const outputs = [
    ...graph.outputs.filter((output) => !shared.includes(output)),
    ...slices.flatMap((node) => node.outputs),
  ];
  return {
    ...model,
    graph: { ...graph, nodes: [...graph.nodes, ...slices], outputs },
    contract: { ...contract, head: { ...head, ...separated } },
  };
}

function partsOf(head: DenseHead, output: string): (typeof PARTS)[number][] {
  return PARTS.filter((part) => head[part]?.output === output);
}

function sliceNode(x: Value, { attributeAxis, start, count }: TensorSlice, name: string): Node {
  const starts = x.shape.map((_, axis) => (axis === attributeAxis ? start : 0));
  const sizes = x.shape.map((size, axis) => (axis === attributeAxis ? count : size));
  return createNode({ type: 'slice', starts, sizes, steps: x.shape.map(() => 1) }, [x], name);
}
