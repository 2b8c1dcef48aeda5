import { ModelFormatError, quote, UnsupportedModelError } from '../../engine/errors.ts';
import type { FileGraph, ModelFile } from '../model-file.ts';
import { type ExternalFiles, operatorDomain, type ReadContext } from './context.ts';
import { type GraphParts, readGraph } from './graph.ts';
import { ProtobufReader } from './protobuf.ts';
import { readStringEntry } from './string-entry.ts';
import { checkGraph } from './validate.ts';

/** The versions of ONNX's own operators that are understood. */
export const OLDEST_OPSET = 7;
export const NEWEST_OPSET = 22;

export interface OnnxOptions {
  /** Where tensors come from that the model keeps in files beside itself. */
  readonly external?: ExternalFiles;
}

/**
 * Reads an ONNX model. Tensors stay where they lie in `bytes`, which must not change afterwards.
 *
 * @param source Where the bytes came from, for messages.
 * @throws ModelFormatError where the bytes contradict the format or themselves.
 * @throws UnsupportedModelError where they are well-formed and state something that isn't read: an operator set outside
 *   7 to 22, tensors of strings, complex numbers or fewer than 8 bits, sparse tensors, model-local functions.
 */
export function parseOnnx(bytes: Uint8Array, source: string, { external }: OnnxOptions = {}): ModelFile {
  const context: ReadContext = { source, external, unsupported: [] };
  const parts: GraphParts = { name: '', inputs: [], outputs: [], nodes: [], initializers: new Map() };
  const opsets = new Map<string, number>();
  const metadata = new Map<string, string>();
  const functions = new Set<string>();
  let irVersion = 0;

  const reader = new ProtobufReader(bytes, source);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        irVersion = reader.int();
        break;
      case 7:
        readGraph(reader.message(), parts, context);
        break;
      case 8: {
        const { domain, version } = readOpset(reader.message());
        if ((opsets.get(domain) ?? version) !== version)
          reader.fail(`two versions of operators ${quote(domain)} are imported`);
        opsets.set(domain, version);
        break;
      }
      case 14: {
        const { key, value } = readStringEntry(reader.message());
        metadata.set(key, value);
        break;
      }
      case 25:
        functions.add(readFunctionName(reader.message()));
        break;
      default:
        reader.skip();
    }
  }
  if (irVersion <= 0) throw new ModelFormatError(`${source} states no ONNX IR version; it is damaged or not ONNX`);

  // Old exporters list the initializers among the inputs; an initializer need not be fed.
  const inputs = parts.inputs.filter(({ name }) => !parts.initializers.has(name));
  const { name, outputs, nodes, initializers: tensors } = parts;
  const graph: FileGraph = { name, opsets, inputs, outputs, nodes };
  for (const node of nodes) {
    if (functions.has(functionKey(node.domain, node.operator))) {
      const reason = `node ${quote(node.name)} calls a function of the model itself (export it with functions inlined)`;
      context.unsupported.push({ node: node.name, operator: node.operator, reason });
    }
  }
  refuseUnsupported(context);
  checkGraph(graph, tensors, source);
  checkOpset(graph, source);
  return { format: 'onnx', source, tensors, graph, metadata };
}

function readOpset(reader: ProtobufReader): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  while (reader.next()) {
    if (reader.field === 1) domain = operatorDomain(reader.string());
    else if (reader.field === 2) version = reader.int();
    else reader.skip();
  }
  return { domain, version };
}

function readFunctionName(reader: ProtobufReader): string {
  let name = '';
  let domain = '';
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 10) domain = operatorDomain(reader.string());
    else reader.skip();
  }
  return functionKey(domain, name);
}

function functionKey(domain: string, name: string): string {
  return `${domain}:${name}`;
}

function refuseUnsupported({ source, unsupported }: ReadContext): void {
  if (unsupported.length === 0) return;
  const shown = unsupported.slice(0, 10).map(({ reason }) => reason);
  const more = unsupported.length > shown.length ? `; and ${unsupported.length - shown.length} more` : '';
  throw new UnsupportedModelError(`${source} can't be read: ${shown.join('; ')}${more}`, unsupported);
}

function checkOpset({ opsets, nodes }: FileGraph, source: string): void {
  const version = opsets.get('');
  if (version === undefined) {
    if (nodes.every(({ domain }) => domain !== '')) return;
    throw new ModelFormatError(`${source} doesn't state the version of ONNX's operators that it uses`);
  }
  if (version >= OLDEST_OPSET && version <= NEWEST_OPSET) return;
  throw new UnsupportedModelError(
    `${source} uses opset ${version} of ONNX; export it with an opset from ${OLDEST_OPSET} to ${NEWEST_OPSET}`,
  );
}
