/**
 * The failures that a user can cause. Each has a stable `code` to switch on and a one-sentence message that says what is
 * wrong, where (file, node, tensor), and what to do about it.
 */
export abstract class OneLookError extends Error {
  abstract readonly code: string;
  /** That of the class, written out: minified classes have other names. */
  abstract override readonly name: string;
}

/** The bytes are not what the format says: truncated, inconsistent, or another format altogether. */
export class ModelFormatError extends OneLookError {
  override readonly name = 'ModelFormatError';
  readonly code = 'model-format';
}

/** The model's bytes can't be had: no such file, no permission, an HTTP error, a network failure. */
export class ModelReadError extends OneLookError {
  override readonly name = 'ModelReadError';
  readonly code = 'model-read';
}

/** A module of the library that is loaded when it is needed can't be had: it isn't there, or the network failed. */
export class ModuleLoadError extends OneLookError {
  override readonly name = 'ModuleLoadError';
  readonly code = 'module-load';
}

/** One reason why a well-formed model can't run. */
export interface UnsupportedFeature {
  /** The node's name in the file, or its first output where it has no name. */
  readonly node: string;
  /** The operator type, with its domain when that isn't ONNX's own. */
  readonly operator: string;
  readonly reason: string;
}

/** The model is well-formed and asks for something the engine doesn't have. Lists every such thing, not the first. */
export class UnsupportedModelError extends OneLookError {
  override readonly name = 'UnsupportedModelError';
  readonly code = 'unsupported-model';
  readonly features: readonly UnsupportedFeature[];

  constructor(message: string, features: readonly UnsupportedFeature[] = [], options?: ErrorOptions) {
    super(message, options);
    this.features = features;
  }
}

/** The image is empty, truncated, of a type that isn't accepted, or its bytes don't match its dimensions. */
export class InvalidImageError extends OneLookError {
  override readonly name = 'InvalidImageError';
  readonly code = 'invalid-image';
}

/** An option or tensor given to the API or the command line is out of range or of the wrong shape. */
export class InvalidArgumentError extends OneLookError {
  override readonly name = 'InvalidArgumentError';
  readonly code = 'invalid-argument';
}

/** WebGPU, an adapter, or a feature or limit that was asked for isn't there. */
export class DeviceUnavailableError extends OneLookError {
  override readonly name = 'DeviceUnavailableError';
  readonly code = 'device-unavailable';
}

/** The device was lost while it was in use (driver reset, `destroy()`, a sleeping machine). */
export class DeviceLostError extends OneLookError {
  override readonly name = 'DeviceLostError';
  readonly code = 'device-lost';
}

/** A GPU allocation failed, or a tensor exceeds what one binding may hold. */
export class OutOfMemoryError extends OneLookError {
  override readonly name = 'OutOfMemoryError';
  readonly code = 'out-of-memory';
}

/** The caller's `AbortSignal` fired. */
export class AbortError extends OneLookError {
  override readonly name = 'AbortError';
  readonly code = 'aborted';
}

/** Throws `AbortError` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new AbortError(`${what} was cancelled`, { cause: signal.reason });
}

const LONGEST_QUOTE = 80;

/** A name from a file, quoted for a message: on one line, and cut where it is long, for a damaged file has any name. */
export function quote(name: string): string {
  return JSON.stringify(name.length > LONGEST_QUOTE ? `${name.slice(0, LONGEST_QUOTE)}…` : name);
}
