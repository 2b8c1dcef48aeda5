/**
 * Says how far the kernels that run without tuning are from the fastest ones, by tuning tables of one or more networks:
 *
 *     onelook inspect MODEL.onnx --tune 60000 --tuning-table table.json
 *     node examples/kernel-study/fit.mjs table.json ... [--worst N]
 *
 * Tables of one adapter are merged, so that a layer counts once, however many networks have it. The untuned choice is
 * today's: change `conv2dCandidates` or `directTiles`, run it again, and the same tables say what the change is worth.
 * Regret is the time that the untuned choices take beyond the fastest, over what the fastest take.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { table as alignColumns } from '../../cli/support/output.ts';
import { checkTable, conditionsKey, mergeTables, type TuningTable } from '../../engine/plan/tuning-table.ts';
import { KERNELS_VERSION } from '../../shaders/conv-candidate.ts';
import { familyOf, groupRegrets, type LayerRegret, regretOf } from './regret.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { worst: { type: 'string', default: '12' } },
});
const tables = new Map<string, TuningTable>();
for (const file of positionals) {
  const table = readTable(file);
  const key = conditionsKey(table);
  const known = tables.get(key);
  tables.set(key, known ? mergeTables(known, table) : table);
}
for (const table of tables.values()) print(table);

/** A table of whatever adapter. */
function readTable(file: string): TuningTable {
  const given = JSON.parse(readFileSync(file, 'utf8'));
  const { table, problem } = checkTable(given, { ...given, kernels: KERNELS_VERSION });
  if (problem !== undefined) throw new Error(`${file} can't be used: ${problem}`);
  return table;
}

function print(table: TuningTable): void {
  const { layers, unknown } = regretOf(table);
  console.log(`\n${table.adapter.description || table.adapter.device}: ${layers.length} distinct layers`);
  printGroups('layer class', layers, ({ layerClass }) => layerClass);
  printGroups('family: untuned, fastest', layers, ({ untuned, winner }) => `${familyOf(untuned)}, ${familyOf(winner)}`);
  printGroups('', layers, () => 'all layers');
  printWorst(layers);
  for (const key of unknown) console.log(`the untuned choice was not timed: ${key}`);
}

function printGroups(title: string, layers: readonly LayerRegret[], nameOf: (layer: LayerRegret) => string): void {
  const rows = groupRegrets(layers, nameOf).map(({ name, layers: count, regret, bestTime, winners }) => [
    name,
    count,
    percent(regret),
    (bestTime / 1000).toFixed(2),
    winners.map(([winner, won]) => `${winner} (${won})`).join(', '),
  ]);
  console.log(`\n${alignColumns([[title, 'layers', 'regret', 'best ms', 'fastest kernels'], ...rows])}`);
}

function printWorst(layers: readonly LayerRegret[]): void {
  const loss = ({ untunedTime, bestTime }: LayerRegret) => untunedTime - bestTime;
  const worst = [...layers].sort((a, b) => loss(b) - loss(a)).slice(0, Number(values.worst));
  const rows = worst
    .filter((layer) => loss(layer) > 0)
    .map((layer) => [
      layer.key,
      layer.untuned,
      layer.winner,
      (loss(layer) / 1000).toFixed(2),
      percent(layer.untunedTime / layer.bestTime - 1),
    ]);
  console.log(`\n${alignColumns([['most is lost at', 'untuned', 'fastest', 'lost ms', 'regret'], ...rows])}`);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
