/**
 * A kernel as text: a complete WGSL module, which any WGSL tool reads, with what WGSL can't say in comments.
 *
 *     //! layer 64x80x80 -> 64 k3 s1 p1 silu       what it was written for, see `parseLayer`
 *     //! weights blocks                           how the weights lie, see shaders/conv-weights.ts
 *     //! scratch sums f32 65536                   a tensor that dispatches hand to each other: its elements
 *     //! rounding 4                               its sums may be that many times as inexact as a direct one's
 *     //! dispatch split                           begins a dispatch; everything after belongs to it
 *     //! tensor source = input                    the binding `source` takes the tensor `input`
 *     //! workgroups ceil(outputWidth / 8), 1, 1   the size of the dispatch
 *
 * Bindings are declared as WGSL does, in group 0, and take the tensors of their names: input, weights, bias, residual,
 * output, or a scratch tensor. Parameters are the fields of one uniform struct of u32, i32 and f32:
 *
 *     inputWidth: u32,                             a size of the layer, see `layerVariables`
 *     tiles: u32, // = ceil(outputWidth / 8)       or what the comment says
 */
import { assemble } from '../../shaders/assemble.ts';
import { type ConvolutionCandidate, type ScratchTensor, tensorOf } from '../../shaders/conv-candidate.ts';
import type { WeightLayout } from '../../shaders/conv-weights.ts';
import type { ElementType, Kernel, Parameter } from '../../shaders/kernel.ts';
import { evaluateExpression } from './expression.ts';
import type { LabLayer } from './layer.ts';
import { layerVariables } from './layer-variables.ts';

/** Something in a kernel's text that is wrong, or doubtful. Lines and columns count from 1. */
export interface TextProblem {
  readonly severity: 'error' | 'warning' | 'info';
  readonly line: number;
  /** 0 where the whole line is meant. */
  readonly column: number;
  readonly length: number;
  readonly message: string;
}

export interface TextBinding {
  readonly binding: number;
  /** The tensor that it takes. */
  readonly tensor: string;
  readonly access: 'read' | 'write';
}

/** One dispatch of a kernel that was read from text. */
export interface TextDispatch {
  readonly label: string;
  /** The number of its first line in the whole text. */
  readonly firstLine: number;
  readonly code: string;
  readonly bindings: readonly TextBinding[];
  readonly uniform?: { readonly binding: number; readonly parameters: readonly Parameter[] };
  readonly workgroups: readonly [number, number, number];
  readonly workgroupsLine: number;
}

/** A kernel that was read from text, for one layer. */
export interface TextKernel {
  readonly name: string;
  readonly weights: WeightLayout;
  readonly rounding: number;
  readonly scratch: readonly ScratchTensor[];
  readonly dispatches: readonly TextDispatch[];
}

const LAYER_TENSORS = ['input', 'weights', 'bias', 'residual', 'output'];

/** A built-in kernel as text, for a person to edit. */
export function formatKernel(candidate: ConvolutionCandidate, layer: LabLayer): string {
  const kernels = candidate.build();
  return [
    `//! layer ${layer.text}`,
    `//! weights ${candidate.weights}`,
    ...(candidate.rounding ? [`//! rounding ${candidate.rounding}`] : []),
    ...(candidate.scratch ?? []).map(({ name, element, elements }) => `//! scratch ${name} ${element} ${elements}`),
    ...kernels.map((kernel) => formatDispatch(kernel, layer, kernels.length > 1)),
  ].join('\n');
}

function formatDispatch(kernel: Kernel, layer: LabLayer, isOneOfSeveral: boolean): string {
  const widths = new Map(kernel.bindings.map((binding) => [tensorOf(binding), binding.vector]));
  const variables = layerVariables(layer, widths);
  const values = new Map(kernel.parameters.map(({ name, value }) => [name, value]));
  const code = assemble(kernel)
    .replace(/^ {2}(\w+): (u32|i32|f32),$/gm, (line, name: string) => {
      const value = values.get(name);
      return value === undefined || value === variables.get(name) ? line : `${line} // = ${value}`;
    })
    .replace(/[ \t]+$/gm, '')
    .trimEnd();
  return [
    ...(isOneOfSeveral ? ['', `//! dispatch ${kernel.label}`] : []),
    `//! workgroups ${kernel.workgroups.join(', ')}`,
    ...kernel.bindings
      .filter((binding) => tensorOf(binding) !== binding.name && code.includes(`> ${binding.name}:`))
      .map((binding) => `//! tensor ${binding.name} = ${tensorOf(binding)}`),
    `${code}\n`,
  ].join('\n');
}

/** The layer that a text says it was written for. */
export function layerOfText(text: string): string | undefined {
  return /^\s*\/\/!\s*layer\s+(.+)$/m.exec(text)?.[1].trim();
}

/** Reads a kernel's text for a layer. Without errors among the problems there is a kernel. */
export function parseKernel(
  text: string,
  layer: LabLayer,
  name = 'live',
): { readonly kernel?: TextKernel; readonly problems: readonly TextProblem[] } {
  const reader = new KernelReader(text, layer);
  const kernel = reader.read(name);
  const failed = reader.problems.some(({ severity }) => severity === 'error');
  return { ...(failed ? {} : { kernel }), problems: reader.problems };
}

const WEIGHT_LAYOUTS: Readonly<Record<WeightLayout, true>> = {
  blocks: true,
  depthwise: true,
  plain: true,
  winograd2: true,
  winograd4: true,
};

function isWeightLayout(name: string): name is WeightLayout {
  return Object.hasOwn(WEIGHT_LAYOUTS, name);
}

const DIRECTIVE = /^\s*\/\/!\s*(\w+)\s*(.*?)\s*$/;
const STORAGE =
  /@group\(\s*0\s*\)\s*@binding\(\s*(\d+)\s*\)\s*var\s*<\s*storage\s*(?:,\s*(read|read_write)\s*)?>\s*(\w+)\s*:\s*array\s*<\s*(vec([234])\s*<|vec([234])|\w)/g;
const UNIFORM = /@group\(\s*0\s*\)\s*@binding\(\s*(\d+)\s*\)\s*var\s*<\s*uniform\s*>\s*\w+\s*:\s*(\w+)/;

class KernelReader {
  readonly problems: TextProblem[] = [];
  readonly #text: string;
  readonly #lines: readonly string[];
  readonly #layer: LabLayer;

  constructor(text: string, layer: LabLayer) {
    this.#text = text;
    this.#lines = text.split('\n');
    this.#layer = layer;
  }

  read(name: string): TextKernel {
    let weights: WeightLayout = 'blocks';
    let rounding = 1;
    const scratch: ScratchTensor[] = [];
    const starts: { line: number; label: string }[] = [];
    this.#directives(1, this.#lines.length, (directive, rest, line) => {
      if (directive === 'weights') {
        if (isWeightLayout(rest)) weights = rest;
        else this.#fail(line, `"${rest}" is no layout of weights: ${Object.keys(WEIGHT_LAYOUTS).join(', ')}`);
      } else if (directive === 'rounding') rounding = this.#value(rest, line, layerVariables(this.#layer));
      else if (directive === 'scratch') scratch.push(...this.#scratch(rest, line));
      else if (directive === 'dispatch') starts.push({ line, label: rest });
      else if (!['layer', 'tensor', 'workgroups'].includes(directive)) {
        this.#fail(line, `there is no directive "${directive}"`);
      }
    });
    if (starts.length === 0) starts.push({ line: 1, label: name });
    const known = new Set([...LAYER_TENSORS, ...scratch.map((tensor) => tensor.name)]);
    const dispatches = starts.map(({ line, label }, index) =>
      this.#dispatch(label || name, line, starts[index + 1]?.line ?? this.#lines.length + 1, known),
    );
    return { name, weights, rounding, scratch, dispatches };
  }

  #dispatch(label: string, firstLine: number, endLine: number, known: ReadonlySet<string>): TextDispatch {
    const code = this.#lines.slice(firstLine - 1, endLine - 1).join('\n');
    const renamed = new Map<string, string>();
    let workgroups: { readonly text: string; readonly line: number } | undefined;
    this.#directives(firstLine, endLine - 1, (directive, rest, line) => {
      if (directive === 'workgroups') workgroups = { text: rest, line };
      if (directive !== 'tensor') return;
      const [, binding, tensor] = /^(\w+)\s*=\s*(\w+)$/.exec(rest) ?? [];
      if (binding) renamed.set(binding, tensor);
      else this.#fail(line, 'it must say "tensor NAME OF THE BINDING = NAME OF THE TENSOR"');
    });
    const bindings: TextBinding[] = [];
    const widths = new Map<string, number>();
    for (const match of code.matchAll(STORAGE)) {
      const tensor = renamed.get(match[3]) ?? match[3];
      const line = firstLine + lineOf(code, match.index);
      if (!known.has(tensor)) this.#fail(line, `there is no tensor "${tensor}": ${[...known].join(', ')}`);
      else if (tensor === 'residual' && !this.#layer.spec.residual) this.#fail(line, 'the layer adds no residual');
      bindings.push({ binding: Number(match[1]), tensor, access: match[2] === 'read_write' ? 'write' : 'read' });
      widths.set(tensor, Number(match[5] ?? match[6] ?? 1));
    }
    const variables = layerVariables(this.#layer, widths);
    if (!workgroups) {
      this.#fail(firstLine, 'the size of the dispatch is missing: write a line "//! workgroups 1, 1, 1"');
    }
    return {
      label,
      firstLine,
      code,
      bindings,
      ...this.#uniform(code, firstLine, variables),
      workgroups: this.#workgroups(workgroups?.text ?? '1', workgroups?.line ?? firstLine, variables),
      workgroupsLine: workgroups?.line ?? firstLine,
    };
  }

  #uniform(code: string, firstLine: number, variables: ReadonlyMap<string, number>): Pick<TextDispatch, 'uniform'> {
    const declaration = UNIFORM.exec(code);
    if (!declaration) return {};
    const [, binding, type] = declaration;
    const struct = new RegExp(`\\bstruct\\s+${type}\\s*\\{([^}]*)\\}`).exec(code);
    if (!struct) {
      this.#fail(firstLine + lineOf(code, declaration.index), `the struct ${type} is not declared`);
      return {};
    }
    const parameters: Parameter[] = [];
    const before = firstLine + lineOf(code, struct.index + struct[0].indexOf('{') + 1);
    for (const [index, text] of struct[1].split('\n').entries()) {
      const [declared, comment] = text.split('//');
      const value = /^\s*=\s*(.+?)\s*$/.exec(comment ?? '')?.[1];
      for (const field of declared.split(',').filter((part) => part.trim() !== '')) {
        const [, name, fieldType] = /^\s*(\w+)\s*:\s*(\w+)\s*$/.exec(field) ?? [];
        if (fieldType === 'u32' || fieldType === 'i32' || fieldType === 'f32') {
          const line = before + index;
          parameters.push({ name, type: fieldType, value: this.#parameter(name, value, fieldType, line, variables) });
        } else this.#fail(before + index, `a parameter is a field of type u32, i32 or f32, not "${field.trim()}"`);
      }
    }
    return { uniform: { binding: Number(binding), parameters } };
  }

  #parameter(
    name: string,
    text: string | undefined,
    type: Parameter['type'],
    line: number,
    variables: ReadonlyMap<string, number>,
  ): number {
    if (text === undefined && !variables.has(name)) {
      this.#fail(line, `"${name}" is no size of the layer: say what it is in a comment, "${name}: ${type}, // = 1"`);
      return 0;
    }
    const value = this.#value(text ?? name, line, variables);
    if (type === 'f32') return value;
    if (!Number.isInteger(value) || (type === 'u32' && value < 0))
      this.#fail(line, `${name} is ${value}, not a ${type}`);
    return value;
  }

  #workgroups(text: string, line: number, variables: ReadonlyMap<string, number>): [number, number, number] {
    const sizes = splitList(text).map((part) => this.#value(part, line, variables));
    if (sizes.length > 3) this.#fail(line, 'a dispatch has at most three sizes');
    for (const size of sizes) {
      if (Number.isInteger(size) && size >= 1 && size <= 65535) continue;
      this.#fail(line, `a dispatch of ${size} workgroups is none: a size is a whole number from 1 to 65535`);
    }
    return [sizes[0], sizes[1] ?? 1, sizes[2] ?? 1];
  }

  #scratch(text: string, line: number): ScratchTensor[] {
    const [, name, element, size] = /^(\w+)\s+(f32|f16|i32|u32)\s+(.+)$/.exec(text) ?? [];
    if (name === undefined) {
      this.#fail(line, 'it must say "scratch NAME f32 NUMBER OF ELEMENTS"');
      return [];
    }
    const elements = this.#value(size, line, layerVariables(this.#layer));
    if (Number.isInteger(elements) && elements >= 1) return [{ name, element: element as ElementType, elements }];
    this.#fail(line, `${elements} elements are no size of a tensor`);
    return [];
  }

  #value(text: string, line: number, variables: ReadonlyMap<string, number>): number {
    try {
      return evaluateExpression(text, variables);
    } catch (error) {
      const names = [...variables.keys()].join(', ');
      const what = error instanceof Error ? error.message : String(error);
      this.#fail(line, `"${text}": ${what}${what.startsWith('there is no') ? `; there is ${names}` : ''}`);
      return 1;
    }
  }

  #directives(from: number, to: number, visit: (directive: string, rest: string, line: number) => void): void {
    for (let line = from; line <= to; line++) {
      const match = DIRECTIVE.exec(this.#lines[line - 1]);
      if (match) visit(match[1], match[2].replace(/\s+\/\/.*$/, ''), line);
    }
  }

  #fail(line: number, message: string): void {
    const text = this.#lines[line - 1] ?? this.#text;
    this.problems.push({ severity: 'error', line, column: 0, length: text.length, message });
  }
}

/** Parts between commas that lie outside of parentheses. */
function splitList(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

/** Lines before a position. */
function lineOf(text: string, position: number): number {
  return text.slice(0, position).split('\n').length - 1;
}
