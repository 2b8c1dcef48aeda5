import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readModelSource } from '../../loader/read-file.node.ts';
import { requestNodeDevice } from '../runtime/node-device.ts';
import { DEFAULT_MODEL_FILE, type Platform } from './platform.ts';

export const nodePlatform: Platform = {
  requestDevice: () => requestNodeDevice(),
  readModel: readModelSource,
  defaultModel: embeddedModel,
  tuning: {
    budgetMs: 10_000,
    openStore: async (key, file, adapter) => {
      const { openFileStore } = await import('../runtime/tuning-store.node.ts');
      return openFileStore(key, adapter, file);
    },
  },
};

/** In the built package the file lies beside the modules, or above their shared chunks; in the sources among the models. */
const EMBEDDED_FOLDERS = ['./embedded/', '../embedded/', '../../models/embedded/'];

function embeddedModel(): string {
  const paths = EMBEDDED_FOLDERS.map((folder) => fileURLToPath(new URL(folder + DEFAULT_MODEL_FILE, import.meta.url)));
  return paths.find(existsSync) ?? paths[0];
}
