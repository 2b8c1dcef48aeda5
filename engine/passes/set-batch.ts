import { UnsupportedModelError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { sameShape } from '../graph/indexing.ts';
import type { Op, OpType } from '../graph/op.ts';
import type { Graph, Node, Shape, Value } from '../graph/types.ts';
import { type BatchRule, batchRules, type Operand } from './batch-rules.ts';

/**
 * The graph for one image turned into the graph for several. Exporters write batches of 1 into reshapes, slices and
 * constants, so it isn't enough to change the input's shape.
 *
 * One rule holds for every value that depends on the images: it is what the graph had for one image, one image after
 * another along axis 0. A [1, 84, 8400] becomes [n, 84, 8400], a [300, 1] becomes [n * 300, 1], a scalar becomes [n].
 * Reshapes keep the rule by themselves, and so does every op that treats each index of axis 0 alike. Any other op is
 * given an axis of its own for the images, [n, 300, 1], or indices that count through all of them. What is the same for
 * every image (weights, anchors) stays as it is.
 *
 * @param graph its inputs are for one image: the first dimension of each is 1
 * @throws UnsupportedModelError naming the node where images can't be kept apart
 */
export function setBatch(graph: Graph, images: number): Graph {
  if (images === 1) return graph;
  const batching = new Batching(graph, images);
  for (const node of graph.nodes) batching.visit(node);
  return batching.finish();
}

class Batching {
  readonly #graph: Graph;
  readonly #images: number;
  readonly #builder = new GraphBuilder();
  /** The new value of each that depends on the images. */
  readonly #stacked = new Map<Value, Value>();
  /** The new value of each that doesn't, where that is another. */
  readonly #shared = new Map<Value, Value>();

  constructor(graph: Graph, images: number) {
    this.#graph = graph;
    this.#images = images;
    for (const input of graph.inputs) {
      if (input.shape[0] !== 1) {
        throw refusal(input.name, 'input', `its shape is [${input.shape}], and that of one image begins with 1`);
      }
      const { name, kind, shape } = input;
      this.#stacked.set(input, this.#builder.input(name, kind, this.#stackedShape(shape)));
    }
  }

  visit(node: Node): void {
    const operands = node.inputs.map((input) => this.#operand(input));
    const names = node.outputs.map(({ name }) => name);
    if (!operands.some(({ perImage }) => perImage)) {
      const values = operands.map(({ value }) => value);
      const outputs = this.#builder.add(node.op, values, node.name, names);
      node.outputs.forEach((output, index) => {
        this.#shared.set(output, outputs[index]);
      });
      return;
    }
    const outputs = this.#apply(node, operands);
    node.outputs.forEach((output, index) => {
      if (!sameShape(outputs[index].shape, this.#stackedShape(output.shape))) {
        throw new Error(`${node.name}: [${output.shape}] became [${outputs[index].shape}] for ${this.#images} images`);
      }
      this.#stacked.set(output, outputs[index]);
    });
  }

  finish(): Graph {
    const outputs = this.#graph.outputs.map((output) => {
      const operand = this.#operand(output);
      return operand.perImage ? operand.value : this.#repeat(operand, output.name);
    });
    return this.#builder.finish(this.#graph.name, outputs);
  }

  #apply(node: Node, given: readonly Operand[]): Value[] {
    const { op, name, outputs } = node;
    const rule = batchRules[op.type as OpType] as BatchRule<Op>;
    const reason = rule.refuse?.(op, given);
    if (reason) throw refusal(name, op.type, reason);
    const operands = given.map((operand, index) =>
      rule.needsEach?.(index) && !operand.perImage
        ? { ...operand, perImage: true, value: this.#repeat(operand, `${name}.repeated${index}`) }
        : operand,
    );
    const names = outputs.map((output) => output.name);
    if (rule.stacks(op, operands, outputs[0].shape)) {
      const values = operands.map(({ value }) => value);
      return this.#builder.add(rule.stacked?.(op, this.#images) ?? op, values, name, names);
    }
    const numbered = rule.numbered?.(op, operands, { images: this.#images, builder: this.#builder, name });
    if (numbered) {
      const result = this.#builder.apply(numbered.op, numbered.inputs, `${name}.all`);
      return [this.#reshape(result, outputs[0], names[0])];
    }
    const lifted = rule.lifted?.(op, this.#images) ?? op;
    const values = operands.map((operand, index) => {
      const rank = rule.broadcasts ? outputs[0].shape.length : operand.shape.length;
      return operand.perImage ? this.#lift(operand, rank, `${name}.images${index}`) : operand.value;
    });
    const results = this.#builder.add(lifted, values, `${name}.lifted`);
    return results.map((result, index) => this.#reshape(result, outputs[index], names[index]));
  }

  #operand(value: Value): Operand {
    const stacked = this.#stacked.get(value);
    return { perImage: stacked !== undefined, shape: value.shape, value: stacked ?? this.#shared.get(value) ?? value };
  }

  /** The shape of all images' values, one after another along axis 0. */
  #stackedShape(shape: Shape): Shape {
    return shape.length === 0 ? [this.#images] : [this.#images * shape[0], ...shape.slice(1)];
  }

  /** A stacked value with an axis of its own for the images, and after it `rank` others: [n, 1, ..., d0, d1, ...]. */
  #lift({ value, shape }: Operand, rank: number, name: string): Value {
    const ones = new Array<number>(rank - shape.length).fill(1);
    return this.#builder.apply({ type: 'reshape', shape: [this.#images, ...ones, ...shape] }, [value], name);
  }

  #reshape(value: Value, output: Value, name: string): Value {
    return this.#builder.apply({ type: 'reshape', shape: this.#stackedShape(output.shape) }, [value], name, name);
  }

  /** A value that is the same for every image, once for each. */
  #repeat({ value, shape }: Operand, name: string): Value {
    if (shape[0] === 1) return this.#builder.apply({ type: 'expand', shape: this.#stackedShape(shape) }, [value], name);
    const builder = this.#builder;
    const one = builder.apply({ type: 'reshape', shape: [1, ...shape] }, [value], `${name}.one`);
    const all = builder.apply({ type: 'expand', shape: [this.#images, ...shape] }, [one], `${name}.all`);
    return builder.apply({ type: 'reshape', shape: this.#stackedShape(shape) }, [all], name);
  }
}

function refusal(node: string, operator: string, reason: string): UnsupportedModelError {
  return new UnsupportedModelError(`the network can't run several images at once: ${node} (${operator}): ${reason}`, [
    { node, operator, reason },
  ]);
}
