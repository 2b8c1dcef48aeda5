import { expect, test } from 'vitest';
import { ModuleLoadError } from '../../engine/errors.ts';
import { loadPart } from '../../engine/load-part.ts';

test('a part is what its module exports', async () => {
  expect(await loadPart('sums', async () => ({ sum: 3 }))).toEqual({ sum: 3 });
});

test('a part that is missing is named, with the reason', async () => {
  const cause = new TypeError('Failed to fetch');
  const loading = loadPart('ONNX files', () => Promise.reject(cause));
  await expect(loading).rejects.toThrow(ModuleLoadError);
  await expect(loading).rejects.toMatchObject({ code: 'module-load', name: 'ModuleLoadError', cause });
  await expect(loading).rejects.toThrow("the module for ONNX files can't be loaded (Failed to fetch)");
});
