import type { EpilogueStep } from './ops/conv-2d.ts';
import type { Graph, Node, Value } from './types.ts';

/** Constants of up to this many elements are printed as numbers. */
const PRINTED_CONSTANT = 4;

/** The graph as text: its inputs, a line for each node, its outputs. */
export function printGraph(graph: Graph): string {
  return [
    `graph ${graph.name}`,
    ...graph.inputs.map((input) => `input ${printValue(input)}`),
    ...graph.nodes.map(printNode),
    ...graph.outputs.map((output) => `output ${printValue(output)}`),
    '',
  ].join('\n');
}

/** One node: `op attribute=value ... (inputs) -> outputs`. */
export function printNode(node: Node): string {
  const { type, ...attributes } = node.op;
  const printed = Object.entries(attributes).map(([name, value]) => `${name}=${printAttribute(value)}`);
  const inputs = node.inputs.map(printValue).join(', ');
  return `${[type, ...printed].join(' ')} (${inputs}) -> ${node.outputs.map(printValue).join(', ')}`;
}

/** `name float[1,3,640,640]`, or what a constant holds if that is little. */
export function printValue(value: Value): string {
  const type = `${value.kind}[${value.shape}]`;
  if (!value.constant) return `${value.name} ${type}`;
  if (value.constant.length > PRINTED_CONSTANT) return `${value.name} constant ${type}`;
  const numbers = Array.from(value.constant, printNumber).join(',');
  return value.shape.length === 0 ? numbers : `${type}{${numbers}}`;
}

type Attribute = string | number | boolean | readonly number[] | EpilogueStep | readonly EpilogueStep[];

function printAttribute(value: Attribute): string {
  if (typeof value === 'number') return printNumber(value);
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return `[${value.map(printAttribute).join(',')}]`;
  const { name, ...parameters } = value;
  const printed = Object.entries(parameters).map(([key, parameter]) => `${key}=${printNumber(parameter)}`);
  return printed.length > 0 ? `${name}(${printed.join(',')})` : name;
}

function isList(value: object): value is readonly (number | EpilogueStep)[] {
  return Array.isArray(value);
}

/** Seven digits are what a float32 holds. */
function printNumber(value: number): string {
  return String(Number(value.toPrecision(7)));
}
