import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromRoot } from '../../scripts/support/paths.mjs';
import { onelook, temporaryFolder } from '../support/cli.ts';

const folder = temporaryFolder();
const IMAGES = fromRoot('examples/images');

describe('onelook eval', () => {
  it('measures the embedded network on the example scenes, in points', async () => {
    const file = join(folder, 'figures.json');
    const args = ['eval', '--images', IMAGES, '--annotations', join(IMAGES, 'instances.json'), '--json', file];
    const { status, stdout, stderr } = await onelook(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { adapter, unmatched, ...report } = JSON.parse(readFileSync(file, 'utf8'));
    expect(report).toMatchObject({ model: 'embedded', images: 5, precision: expect.stringMatching(/^float(16|32)$/) });
    const { AP, AP50, AP75, AR100 } = report;
    // Far from what chance gives, and in points, not shares.
    expect(AP).toBeGreaterThan(20);
    expect(AP50).toBeGreaterThan(AP);
    for (const value of [AP, AP50, AP75, AR100]) expect(value).toBeLessThanOrEqual(100);
    expect(Object.keys(report).slice(3)).toEqual([
      'AP',
      'AP50',
      'AP75',
      'APs',
      'APm',
      'APl',
      'AR1',
      'AR10',
      'AR100',
      'ARs',
      'ARm',
      'ARl',
    ]);
    expect(unmatched).toEqual([]);
    const [head, row, last] = stdout.trim().split('\n');
    expect(row.split(/ +/)[head.split(/ +/).indexOf('AP50')]).toBe(AP50.toFixed(2));
    expect(last).toContain(`on ${adapter.name}`);
  });
});
