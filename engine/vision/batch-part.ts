/** What only those need who have several images at a time, or another size of input: a module of its own. */
export { setBatch } from '../passes/set-batch.ts';
export { createBatchSession } from '../runtime/batch-session.ts';
export { PipelineStore } from './pipelines.ts';
