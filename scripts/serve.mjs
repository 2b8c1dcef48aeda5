// Serves the web example and the kernel lab with the built modules: `npm run web`, or `npm run web -- 8080` for a port of one's own.
import { fromRoot } from './support/paths.mjs';
import { startStaticServer } from './support/static-server.mjs';

const DEFAULT_PORT = 8000;
const [argument] = process.argv.slice(2);
const port = argument === undefined ? DEFAULT_PORT : Number(argument);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`"${argument}" is no port: give a number from 0 (any free one) to 65535.`);
  process.exit(1);
}
try {
  const { url } = await startStaticServer(
    {
      '/': fromRoot('examples/web'),
      '/images/': fromRoot('examples/images'),
      '/kernel-lab/': fromRoot('examples/kernel-lab'),
      '/dist/': fromRoot('dist'),
    },
    { port },
  );
  console.log(`The web example is at ${url}, the kernel lab at ${url}kernel-lab/ (end with Ctrl+C).`);
} catch (error) {
  console.error(`Port ${port} can't be used: ${error instanceof Error ? error.message : error}.`);
  process.exitCode = 1;
}
