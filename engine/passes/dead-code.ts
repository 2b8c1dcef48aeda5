import { removeDeadCode } from '../graph/rewrite.ts';
import type { Pass } from './pass.ts';

export const deadCode: Pass = {
  name: 'dead-code',
  description: 'Removes nodes whose results nobody reads.',
  required: true,
  run(graph) {
    const live = removeDeadCode(graph);
    const removed = graph.nodes.length - live.nodes.length;
    return { graph: live, notes: removed > 0 ? [`unread node removed: ${removed}`] : [] };
  },
};
