import { requestNodeDevice } from '../../../dist/node.js';
import { affine } from './affine.js';

const values = JSON.parse(process.argv[2]);
const { device, adapter, features } = await requestNodeDevice();
process.stdout.write(JSON.stringify({ adapter, features, values: await affine(device, values) }));
