import type { FileNode } from '../../loader/model-file.ts';
import type { Importer } from './node-reader.ts';
import { activation } from './operators/activation.ts';
import { convolution } from './operators/convolution.ts';
import { elementwise } from './operators/elementwise.ts';
import { matrix } from './operators/matrix.ts';
import { movement } from './operators/movement.ts';
import { normalization } from './operators/normalization.ts';
import { pooling } from './operators/pooling.ts';
import { microsoft, quantization } from './operators/quantization.ts';
import { reduction } from './operators/reduction.ts';
import { resize } from './operators/resize.ts';
import { selection } from './operators/selection.ts';
import { shape } from './operators/shape.ts';

/** The operators that can be imported, by domain. */
const domains: ReadonlyMap<string, ReadonlyMap<string, Importer>> = new Map([
  [
    '',
    new Map(
      Object.entries({
        ...activation,
        ...convolution,
        ...elementwise,
        ...matrix,
        ...movement,
        ...normalization,
        ...pooling,
        ...quantization,
        ...reduction,
        ...resize,
        ...selection,
        ...shape,
      }),
    ),
  ],
  ['com.microsoft', new Map(Object.entries(microsoft))],
]);

/** Operators whose lack deserves more than "not supported". */
const hints: Readonly<Record<string, string>> = {
  If: 'a subgraph chosen at run time can not be compiled; export without control flow, or simplify the model first',
  Loop: 'a loop can not be compiled; export without control flow',
  Scan: 'a loop can not be compiled; export without control flow',
  NonMaxSuppression: 'the number of its results depends on the data; leave suppression to the detector',
  NonZero: 'the number of its results depends on the data',
};

export function importerOf(node: FileNode): Importer | undefined {
  return domains.get(node.domain)?.get(node.operator);
}

/** Why a node without an importer can't run. */
export function reasonOf(node: FileNode): string {
  return Object.hasOwn(hints, node.operator) ? hints[node.operator] : 'the operator is not supported';
}

/** The operator as messages name it. */
export function qualifiedName(node: FileNode): string {
  return node.domain === '' ? node.operator : `${node.domain}.${node.operator}`;
}
