import { UnsupportedModelError } from '../engine/errors.ts';
import { loadPart } from '../engine/load-part.ts';
import { modelFormat } from './file-kind.ts';
import type { ModelFile } from './model-file.ts';
import type { OnnxOptions } from './onnx/parse.ts';

export type ParseOptions = OnnxOptions;

/**
 * Reads a model file of any supported format, told from its bytes. Tensors stay where they lie in `bytes`, which must
 * not change afterwards. The reader of the format is loaded when the first such file is read.
 *
 * @param source Where the bytes came from, for messages: a file name or URL.
 * @throws ModelFormatError where the file is damaged or something else altogether.
 * @throws UnsupportedModelError where it is well-formed and states something that isn't read.
 * @throws ModuleLoadError where the reader can't be loaded.
 */
export async function parseModel(bytes: Uint8Array, source: string, options: ParseOptions = {}): Promise<ModelFile> {
  // A plain view: Node's Buffer is a Uint8Array whose slice() doesn't copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (modelFormat(plain, source)) {
    case 'onnx': {
      const { parseOnnx } = await loadPart('ONNX files', () => import('./onnx/parse.ts'));
      return parseOnnx(plain, source, options);
    }
    case 'safetensors': {
      const { parseSafetensors } = await loadPart('safetensors files', () => import('./safetensors.ts'));
      return parseSafetensors(plain, source);
    }
    case 'pytorch':
      throw new UnsupportedModelError(`${source}: reading PyTorch checkpoints is not built yet; export it to ONNX`);
    case 'darknet':
      throw new UnsupportedModelError(`${source}: reading Darknet checkpoints is not built yet; export it to ONNX`);
  }
}
