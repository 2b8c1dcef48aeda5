import {
  InvalidArgumentError,
  ModelFormatError,
  type UnsupportedFeature,
  UnsupportedModelError,
} from '../../engine/errors.ts';
import { GraphBuilder } from '../../engine/graph/builder.ts';
import { type Graph, type Node, type Shape, ShapeError, type Value } from '../../engine/graph/types.ts';
import type { FileGraph, FileNode, ModelFile, StoredTensor } from '../../loader/model-file.ts';
import { constantValue, kindOf } from './constants.ts';
import { ancestorsOf } from './file-graph.ts';
import { bindInputShapes } from './input-shapes.ts';
import { type NarrowType, narrowTypesOf } from './narrow-types.ts';
import { NodeReader, UnsupportedOperator } from './node-reader.ts';
import { importerOf, qualifiedName, reasonOf } from './operators.ts';

export interface ImportOptions {
  /** Shapes of inputs whose dimensions the file leaves open. An open first dimension is 1 where no shape is given. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** Names of the values to compute, any of the file; its outputs where left out. */
  readonly outputs?: readonly string[];
}

/**
 * An ONNX graph in the IR, specialised to its input shapes: whatever follows from shapes and constants is computed on the
 * way. Nodes and values keep the file's names; outputs are named as the file names them. Tensors of 8- and 16-bit
 * integers are floats that hold whole numbers.
 *
 * @throws UnsupportedModelError listing every node that the engine can't run
 * @throws ModelFormatError where the graph contradicts itself
 * @throws InvalidArgumentError where `options` don't fit the file
 */
export function importOnnx(file: ModelFile, options: ImportOptions = {}): Graph {
  const { graph, source } = file;
  if (!graph) throw new ModelFormatError(`${source} holds tensors but no graph`);
  const outputs = options.outputs ?? graph.outputs.map((output) => output.name);
  const { inputs, nodes } = ancestorsOf(graph, outputs);
  const shapes = bindInputShapes(source, graph.inputs, options.inputShapes ?? {});
  const importer = new GraphImporter(file, graph);
  for (const input of inputs) importer.input(input.name, kindOf(input.type), shapes.get(input.name) ?? []);
  for (const node of nodes) importer.node(node);
  return importer.finish(graph.name, outputs);
}

class GraphImporter {
  private readonly builder = new GraphBuilder();
  private readonly values = new Map<string, Value>();
  /** Values that unsupported nodes would have computed, and all that depend on them. */
  private readonly unavailable = new Set<string>();
  private readonly unsupported: UnsupportedFeature[] = [];
  /** Outputs that the importers of their nodes leave out, by name. They matter only where something reads them. */
  private readonly leftOut = new Map<string, UnsupportedFeature>();
  private readonly source: string;
  private readonly tensors: ReadonlyMap<string, StoredTensor>;
  private readonly narrowTypes: ReadonlyMap<string, NarrowType>;
  private readonly graph: FileGraph;

  constructor(file: ModelFile, graph: FileGraph) {
    this.source = file.source;
    this.tensors = file.tensors;
    this.graph = graph;
    this.narrowTypes = narrowTypesOf(graph, file.tensors);
  }

  input(name: string, kind: Value['kind'], shape: Shape): void {
    this.values.set(name, this.builder.input(name, kind, shape));
  }

  /** Adds a node, or remembers why it can't be. A node that only lacks what others would compute is not reported. */
  node(node: FileNode): void {
    this.read(node.inputs);
    const importer = importerOf(node);
    if (!importer) {
      this.refuse(node, reasonOf(node));
      return;
    }
    if (node.inputs.some((name) => this.unavailable.has(name))) {
      this.markUnavailable(node);
      return;
    }
    const reader = new NodeReader(node, {
      builder: this.builder,
      opset: this.graph.opsets.get(node.domain) ?? 1,
      inputs: node.inputs.map((name) => (name === '' ? undefined : this.value(name))),
      narrowType: (name) => this.narrowTypes.get(name),
    });
    try {
      const values = importer(reader);
      node.outputs.forEach((output, index) => {
        if (output !== '') this.define(node, output, index, values[index]);
      });
    } catch (error) {
      if (error instanceof UnsupportedOperator) this.refuse(node, error.message);
      else if (error instanceof ShapeError) throw this.malformed(node, error);
      else throw error;
    }
  }

  finish(name: string, outputs: readonly string[]): Graph {
    this.read(outputs);
    if (this.unsupported.length > 0) {
      const nodes = this.unsupported.map(({ node, operator, reason }) => `"${node}" (${operator}): ${reason}`);
      const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
      throw new UnsupportedModelError(
        `${this.source} has ${count} that can't run: ${nodes.join('; ')}`,
        this.unsupported,
      );
    }
    return nameOutputs(
      this.builder.finish(
        name,
        outputs.map((output) => this.value(output)),
      ),
      outputs,
    );
  }

  private define(node: FileNode, output: string, index: number, value: Value | undefined): void {
    if (value) {
      this.values.set(output, value);
      return;
    }
    this.leftOut.set(output, featureOf(node, `its output ${index} is not computed`));
    this.unavailable.add(output);
  }

  /** Notes that values are needed. */
  private read(names: readonly string[]): void {
    for (const name of names) {
      const feature = this.leftOut.get(name);
      if (feature) this.unsupported.push(feature);
      this.leftOut.delete(name);
    }
  }

  private value(name: string): Value {
    const value = this.values.get(name) ?? this.initializer(name);
    if (!value) throw new InvalidArgumentError(`${this.source} has no value "${name}"`);
    return value;
  }

  private initializer(name: string): Value | undefined {
    const tensor = this.tensors.get(name);
    if (!tensor) return undefined;
    const value = constantValue(name, tensor);
    this.values.set(name, value);
    return value;
  }

  private refuse(node: FileNode, reason: string): void {
    this.unsupported.push(featureOf(node, reason));
    this.markUnavailable(node);
  }

  private markUnavailable(node: FileNode): void {
    for (const output of node.outputs) if (output !== '') this.unavailable.add(output);
  }

  private malformed(node: FileNode, error: ShapeError): ModelFormatError {
    const where = `${this.source}: node "${node.name}" (${qualifiedName(node)})`;
    return new ModelFormatError(`${where}: ${error.message}`, { cause: error });
  }
}

function featureOf(node: FileNode, reason: string): UnsupportedFeature {
  return { node: node.name, operator: qualifiedName(node), reason };
}

/**
 * Gives output values the names of the file, which they lack where a node that changes nothing (Identity, a cast to the
 * same kind) was the last. A value that is an output twice, or an input too, stays as it is under one of its names and is
 * copied for the others.
 */
function nameOutputs(graph: Graph, names: readonly string[]): Graph {
  const renamed = new Map<Value, Value>();
  const copies: Node[] = [];
  const outputs = graph.outputs.map((value, index) => {
    const name = names[index];
    if (value.name === name) return value;
    const output: Value = { ...value, name };
    if (graph.inputs.includes(value) || graph.outputs.indexOf(value) !== index) {
      copies.push({ op: { type: 'reshape', shape: value.shape }, name, inputs: [value], outputs: [output] });
    } else {
      renamed.set(value, output);
    }
    return output;
  });
  const current = (value: Value) => renamed.get(value) ?? value;
  const rename = (node: Node): Node => ({
    ...node,
    inputs: node.inputs.map(current),
    outputs: node.outputs.map(current),
  });
  return { ...graph, outputs, nodes: [...graph.nodes, ...copies].map(rename) };
}
