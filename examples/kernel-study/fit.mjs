// How far the untuned choice of kernels is from the fastest: see fit.ts.
import { bundleAndRun } from './bundle.mjs';

await bundleAndRun('fit');
