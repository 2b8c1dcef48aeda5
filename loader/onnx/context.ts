import type { UnsupportedFeature } from '../../engine/errors.ts';

/**
 * The contents of a file that a model keeps beside itself, by the location that the model states: a relative path with
 * '/' between its parts, never one that leaves the model's folder. `undefined` where there is no such file.
 */
export type ExternalFiles = (location: string) => Uint8Array | undefined;

/** What a message names: a node of the graph, or another holder of a tensor. */
export interface Holder {
  readonly name: string;
  readonly operator: string;
}

/** What the readers of one file share. */
export interface ReadContext {
  /** Where the bytes came from, for messages. */
  readonly source: string;
  readonly external: ExternalFiles | undefined;
  /** Collects what is well-formed and can't be read, so that all of it is reported at once. */
  readonly unsupported: UnsupportedFeature[];
}

/** An operator domain by its one name: '' is ONNX's own, which may also be spelled out. */
export function operatorDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}
