import { showAdapter, showNoAdapter } from './page/adapter-view.ts';
import { connectControls, EMBEDDED_NETWORK } from './page/controls.ts';
import { keepDetecting } from './page/detecting.ts';
import { sentence } from './page/messages.ts';
import { NetworkLoader } from './page/network.ts';
import { showNetwork } from './page/network-view.ts';
import { showError, showResult } from './page/result-view.ts';
import { downloadPicture, SourceOpener } from './page/sources.ts';
import { showStage } from './page/stage-view.ts';
import { Store } from './page/state.ts';

const store = new Store();
showAdapter(store);
showNetwork(store);
showStage(store);
showResult(store);
showError(store);

const networks = new NetworkLoader(store);
const sources = new SourceOpener(store);
connectControls(store, networks, sources);
keepDetecting(store);

// Something to see at once: the network that comes with the package, on a scene that it knows.
try {
  await networks.openDevice();
  sources.open(downloadPicture('images/scene-1.jpg'));
  networks.load(undefined, EMBEDDED_NETWORK);
} catch (error) {
  showNoAdapter();
  store.update({ error: sentence(error) });
}
