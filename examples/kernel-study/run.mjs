// Times every convolution kernel on real layers: see conv-2d.ts.
import { bundleAndRun } from './bundle.mjs';

await bundleAndRun('conv-2d');
