import { showAdapterReport, showNoAdapter } from '../web/page/adapter-view.ts';
import { showEditor } from './page/editor-view.ts';
import { connectFiles, EMBEDDED_NETWORK } from './page/files-view.ts';
import { showKernels } from './page/kernels-view.ts';
import { showLayers } from './page/layers-view.ts';
import { sentence } from './page/messages.ts';
import { showPlot } from './page/plot-view.ts';
import { Store } from './page/state.ts';
import { Workbench } from './page/workbench.ts';

const store = new Store();
const workbench = new Workbench(store);
showLayers(store, workbench);
showKernels(store, workbench);
showPlot(store);
showEditor(store, workbench);
connectFiles(store, workbench);

try {
  await workbench.openDevice();
  if (store.state.device) showAdapterReport(store.state.device.adapter);
  workbench.loadNetwork(undefined, EMBEDDED_NETWORK);
} catch (error) {
  showNoAdapter();
  store.update({ error: sentence(error) });
}
